// State that all launches of the process share.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace simt {

// Limits of the modelled architecture.
size_t max_dynamic_shared(int arch);
// Set by the hooks object when it is linked; counts entries of instrumented functions.
extern std::atomic<uint64_t> instrumented_calls;
extern bool hooks_linked;
// Remembers `e` for cudaGetLastError, and returns it.
cudaError_t note_error(cudaError_t e);
// Sets the text that last_error() returns from now on.
void remember_message(const std::string&);
void count_memset(size_t bytes);
void count_product();
// Opt-in of a kernel to dynamic shared memory above 48 KiB, in bytes; 0 when it has none.
size_t shared_opt_in(const void* kernel);

}  // namespace simt
