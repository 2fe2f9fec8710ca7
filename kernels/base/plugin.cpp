#include "kernels/base/plugin.h"

#include <dlfcn.h>

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/program_path.h"

namespace encore {

void* open_plugin(const std::string& path, int flags) {
  void* library = dlopen(path.c_str(), flags);
  check(library != nullptr, "{} cannot be opened: {}", path, library ? "" : dlerror());
  const auto interface = reinterpret_cast<const char* (*)()>(dlsym(library, "encore_interface"));
  check(interface && std::string_view(interface()) == ENCORE_INTERFACE,
        "{} was built from other sources than the programs in {}: build them together", path, program_dir());
  return library;
}

}  // namespace encore
