// Places in the source as 64-bit values: a Loc, or the program counter of an instrumented access.
#pragma once

#include <simt/core.h>

#include <cstdint>
#include <string>

namespace simt {

using Site = uint64_t;

// Files are string literals of the program, below 2^48.
inline Site site_of(Loc l) {
  return uint64_t(uint16_t(l.line)) << 48 | (reinterpret_cast<uintptr_t>(l.file) & 0xffffffffffffull);
}
inline Site site_of(void* pc) {
  return reinterpret_cast<uintptr_t>(pc);
}

// "file.cuh:123". Slow for a program counter, since it runs addr2line: for reports only. The string lives as long as
// the program, because a failed launch abandons the stack frames that would own it.
const std::string& site_name(Site);
std::string function_name(const void* function);

}  // namespace simt
