// The control groups of Linux that hold this process: a container's or a batch job's limits.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace encore {

// Roots of the kernel's files. Tests pass their own trees.
struct KernelFiles {
  std::filesystem::path proc = "/proc", cgroup = "/sys/fs/cgroup";
};

struct Cgroup {
  std::filesystem::path folder;
  std::string name;  // as in /proc/self/cgroup: "/slurm/job_7"
  bool unified;      // cgroup v2
};

// Every group that may limit `controller` ("memory", "cpu") for this process, under v1 and v2: from the process's own
// up to the mount, since a group's limit binds all groups inside it. In a container the path may begin above the mount;
// the folders that exist still count, so a folder of the list need not exist.
std::vector<Cgroup> cgroups_of(const std::string& controller, const KernelFiles& = {});

}  // namespace encore
