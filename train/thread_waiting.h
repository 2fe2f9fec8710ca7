// How OpenMP's threads wait for each other.
#pragma once

namespace encore {

// Starts the program again, once and before any work, with GOMP_SPINCOUNT set; a user's own GOMP_SPINCOUNT or
// OMP_WAIT_POLICY is kept. The variable is libgomp's only switch, and it is read before main() starts.
//
// By default libgomp's threads spin for milliseconds at a barrier. On a busy machine they use up the time slice that
// the thread they wait for needs: with a load of 18 on two cores a small model trained at 120-490 tokens/s, and at
// 730-1,910 with threads that spin for some 30 microseconds and then sleep.
void wait_politely();

}  // namespace encore
