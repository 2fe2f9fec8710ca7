#include "kernels/base/cgroup.h"

#include <fstream>

namespace fs = std::filesystem;

namespace encore {
namespace {

void add_up_to_mount(const fs::path& mount, const std::string& group, bool unified, std::vector<Cgroup>& groups) {
  for (fs::path path = group.empty() ? "/" : group;; path = path.parent_path()) {
    groups.push_back({.folder = mount / path.relative_path(), .name = path.string(), .unified = unified});
    if (path == path.parent_path()) break;
  }
}

}  // namespace

std::vector<Cgroup> cgroups_of(const std::string& controller, const KernelFiles& kernel) {
  std::vector<Cgroup> groups;
  std::error_code error;
  std::ifstream in(kernel.proc / "self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "4:cpu,cpuacct:/job", "0::/job"
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1), group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const fs::path& mount : {kernel.cgroup, kernel.cgroup / "unified"})
        add_up_to_mount(mount, group, /*unified=*/true, groups);
    } else if (("," + controllers + ",").find("," + controller + ",") != std::string::npos) {
      // A hierarchy of several controllers is mounted under all their names; a link for each is usual, not certain.
      const fs::path own = kernel.cgroup / controller;
      add_up_to_mount(fs::exists(own, error) ? own : kernel.cgroup / controllers, group, /*unified=*/false, groups);
    }
  }
  return groups;
}

}  // namespace encore
