// How OpenMP's threads wait for each other.
#pragma once

namespace encore {

// libgomp's threads spin for milliseconds at a barrier. On a machine that does anything else they burn the time slice
// that the thread they wait for needs: with a load of 18 on two cores a small model trained at 120-490 tokens/s, and at
// 730-1,910 with threads that spin for some 30 microseconds and then sleep. The library reads GOMP_SPINCOUNT before
// main() starts and has no other switch, so this starts the program anew with it, once, before anything was done.
// A user's own GOMP_SPINCOUNT or OMP_WAIT_POLICY holds.
void wait_politely();

}  // namespace encore
