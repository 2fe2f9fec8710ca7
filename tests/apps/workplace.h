// The model and texts that the tests of one program share.
#pragma once

#include "tests/apps/program.h"

namespace encore::test {

inline const TinyWorkplace& workplace() {
  static const TinyWorkplace place;
  return place;
}

}  // namespace encore::test
