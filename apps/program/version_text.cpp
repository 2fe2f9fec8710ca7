#include "apps/program/version_text.h"

#include <fmt/format.h>

#include "kernels/backend_factory.h"
#include "kernels/base/version.h"

namespace encore {

std::string version_text(const std::string& program) {
  return fmt::format("{} (Encore) {}\ncommit {}\n{} build\n{}\n", program, version(), commit(), build_kind(),
                     make_backend("cpu")->description());
}

}  // namespace encore
