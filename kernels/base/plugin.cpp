#include "kernels/base/plugin.h"

#include <dlfcn.h>

#include <string_view>

#include "kernels/base/check.h"
#include "kernels/base/program_path.h"

namespace encore {

void* open_plugin(const std::string& path, int flags, const std::string& otherwise) {
  void* library = dlopen(path.c_str(), flags);
  check(library != nullptr, "{} cannot be opened ({}); {}", path, library ? "" : dlerror(), otherwise);
  const auto interface = reinterpret_cast<const char* (*)()>(dlsym(library, "encore_interface"));
  check(interface && std::string_view(interface()) == ENCORE_INTERFACE,
        "{} was built from other sources than the programs in {}: build them together, or {}", path, program_dir(),
        otherwise);
  return library;
}

}  // namespace encore
