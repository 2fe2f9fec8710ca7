#include <dlfcn.h>
#include <src/site.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>

namespace simt {
namespace {

std::string base_name(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? path : path.substr(slash + 1);
}

// Parses the output of addr2line -f -i: pairs of lines, function and place, the innermost inlined frame first.
std::string addr2line(const void* pc, uintptr_t back, bool want_function) {
  Dl_info info{};
  if (!dladdr(pc, &info) || !info.dli_fname) return "?";
  char command[512];
  const auto offset = reinterpret_cast<uintptr_t>(pc) - reinterpret_cast<uintptr_t>(info.dli_fbase) - back;
  std::snprintf(command, sizeof command, "addr2line -C -f -i -e '%s' %#zx 2>/dev/null", info.dli_fname, size_t(offset));
  FILE* pipe = popen(command, "r");
  if (!pipe) return "?";
  std::string answer;
  char function[1024], place[1024];
  while (std::fgets(function, sizeof function, pipe) && std::fgets(place, sizeof place, pipe)) {
    function[std::strcspn(function, "\n")] = 0;
    place[std::strcspn(place, "\n ")] = 0;
    if (want_function) {
      answer = function;  // the outermost frame is the function itself
      continue;
    }
    // An access inside a stand-in header (a bf16 conversion, __ldg) is reported at the line that calls it.
    if (answer.empty() && !std::strstr(place, "/simt/include/")) answer = base_name(place);
  }
  pclose(pipe);
  return answer.empty() ? "?" : answer;
}

}  // namespace

const std::string& site_name(Site s) {
  static std::mutex mutex;
  static std::map<Site, std::string> known{{0, "?"}};
  std::lock_guard lock(mutex);
  auto [it, fresh] = known.try_emplace(s);
  if (!fresh) return it->second;
  if (const int line = int(s >> 48)) {
    it->second = base_name(reinterpret_cast<const char*>(s & 0xffffffffffffull)) + ":" + std::to_string(line);
  } else {
    it->second = addr2line(reinterpret_cast<void*>(s), 1, false);
  }
  return it->second;
}

// Removes the parameters and the unnamed namespaces.
std::string function_name(const void* function) {
  std::string name = addr2line(function, 0, true);
  for (const std::string hidden = "(anonymous namespace)::"; name.find(hidden) != std::string::npos;) {
    name.erase(name.find(hidden), hidden.size());
  }
  if (name.empty() || name.back() != ')') return name;
  size_t open = name.size() - 1;
  for (int depth = 1; depth && open > 0;) {
    --open;
    depth += name[open] == ')' ? 1 : name[open] == '(' ? -1 : 0;
  }
  return name.substr(0, open);
}

}  // namespace simt
