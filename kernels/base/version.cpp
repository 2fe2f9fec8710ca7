#include "kernels/base/version.h"

#include <encore_commit.inc>  // kCommit; cmake/write_commit.cmake writes it before every build

namespace encore {

std::string version() {
  return ENCORE_VERSION;
}
std::string commit() {
  return kCommit;
}
std::string build_kind() {
  return ENCORE_BUILD_KIND;
}

}  // namespace encore
