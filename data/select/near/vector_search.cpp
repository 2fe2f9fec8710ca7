#include "data/select/near/vector_search.h"

#include <dlfcn.h>

#include "kernels/base/check.h"
#include "kernels/base/plugin.h"
#include "kernels/base/program_path.h"

namespace encore {
namespace {

constexpr const char* kLibrary = "libencore_faiss.so";
constexpr const char* kOtherwise = "use --embedding tfidf, or --method dsir, which need no faiss";

}  // namespace

bool has_vector_search() {
  return !plugin_path(kLibrary).empty();
}

std::unique_ptr<VectorSearch> open_vector_search() {
  const std::string path = plugin_path(kLibrary);
  check(!path.empty(), "{} is not beside the program: build with faiss installed (package libfaiss-dev), or {}",
        kLibrary, kOtherwise);
  void* library = open_plugin(path, RTLD_NOW | RTLD_LOCAL, kOtherwise);
  using Make = VectorSearch* (*)();
  const auto make = reinterpret_cast<Make>(dlsym(library, "encore_make_vector_search"));
  check(make != nullptr, "{} has no encore_make_vector_search: build the project again", path);
  return std::unique_ptr<VectorSearch>(make());
}

}  // namespace encore
