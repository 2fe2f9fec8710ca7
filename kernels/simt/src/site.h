// Source places as 64-bit values: a Loc, or the program counter of an instrumented access.
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

// "file.cuh:123". Runs addr2line for a program counter, so only reports call it.
// The string lives as long as the program: a failed launch abandons the frames that hold references.
const std::string& site_name(Site);
std::string function_name(const void* function);

}  // namespace simt
