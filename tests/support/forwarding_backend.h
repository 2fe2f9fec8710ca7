// The forwarding backend under the name that tests use.
#pragma once

#include "kernels/forwarding_backend.h"

namespace encore::test {

using encore::ForwardingBackend;

}  // namespace encore::test
