// Clusters: scheduling of their blocks, barrier.cluster, distributed shared memory.
#include <src/cluster.h>

#include <algorithm>
#include <cstring>
#include <numeric>

namespace simt {

Cluster::Cluster(const Grid& g, const Options& o, GlobalShadow& shadow, unsigned first)
    : grid(g),
      options(o),
      first_block(first),
      size(g.cluster),
      threads_per_block(g.config.blockDim.x * g.config.blockDim.y * g.config.blockDim.z),
      actors_per_block((threads_per_block + 31) / 32 * 32),
      random_(o.seed * 1000003 + first) {
  if (o.race) race = std::make_unique<RaceDetector>(*this, shadow);
}

void Cluster::add_block(WorkerMemory& memory) {
  const unsigned rank = unsigned(blocks.size());
  blocks.push_back(std::make_unique<Block>(*this, memory, first_block + rank, rank));
}

std::string Cluster::run() {
  for (const auto& b : blocks) b->enter(), b->prepare();
  while (advance()) {
  }
  for (const auto& b : blocks) b->enter(), b->finish();
  return error();
}

bool Cluster::advance() {
  const bool shuffled = size > 1 && (options.order == Order::kRandom || options.order == Order::kPct);
  std::vector<unsigned> turns(size);
  std::iota(turns.begin(), turns.end(), 0u);
  if (options.order == Order::kReverse || options.order == Order::kLifo) std::reverse(turns.begin(), turns.end());
  if (shuffled) std::shuffle(turns.begin(), turns.end(), random_);
  bool any = false;
  for (const unsigned rank : turns) {
    Block& b = *blocks[rank];
    b.enter();
    any = b.advance(shuffled ? 1 + random_() % (64 * threads_per_block) : UINT64_MAX) || any;
    if (!b.error.empty()) return false;
  }
  return any;
}

// The failure of one block may leave another waiting for it, so a deadlock is reported only if nothing else went wrong.
std::string Cluster::error() const {
  std::string deadlock;
  for (const auto& b : blocks) {
    if (b->error.empty()) continue;
    if (b->error.rfind("deadlock", 0) != 0) return b->error;
    if (deadlock.empty()) deadlock = b->error;
  }
  return deadlock;
}

unsigned Cluster::live() const {
  return std::accumulate(blocks.begin(), blocks.end(), 0u,
                         [](unsigned sum, const std::unique_ptr<Block>& b) { return sum + b->live; });
}

void Cluster::arrive(Thread& t, Loc at) {
  if (t.cluster_arrived) fail(at, "barrier.cluster.arrive twice without a wait between");
  if (!arrived_++) first_arrival_ = at;
  t.cluster_arrived = true;
  t.cluster_phase = phase_;
  if (race) race->release(arriving_, t.actor);
  if (arrived_ == live()) open();
}

void Cluster::wait(Thread& t, Loc at) {
  if (!t.cluster_arrived) fail(at, "barrier.cluster.wait without an arrive before it");
  if (t.cluster_phase == phase_) {
    waiting_.push_back(&t);
    t.block->block_on("barrier.cluster.wait", at);
  }
  t.cluster_arrived = false;
  if (race) race->acquire(done_, t.actor, false);
}

void Cluster::open() {
  ++current_block->stats.barriers;
  ++phase_;
  arrived_ = 0;
  if (race) {
    done_ = arriving_;
    race->publish(done_);
  }
  for (Thread* t : std::exchange(waiting_, {})) t->block->wake(t);
}

void Cluster::on_exit() {
  if (!arrived_) return;
  if (options.strict) fail(first_arrival_, "a thread exits while %u others have arrived at barrier.cluster", arrived_);
  if (arrived_ == live()) open();
}

void Cluster::store(void* p, uint64_t* barrier, unsigned rank, const void* value, size_t bytes, Loc at) {
  if (rank >= size) fail(at, "block %u of the cluster is written to, which has %u", rank, size);
  if (size == 1) fail(at, "a block alone may not store to a cluster: cards want two or more of them");
  Block& to = *blocks[rank];
  const uint32_t address = shared_address(p, at), counter = shared_address(barrier, at);
  if (reinterpret_cast<uintptr_t>(p) % bytes) fail(at, "%zu bytes at %p are not aligned", bytes, p);
  if (&to != current_block && options.strict) {
    if (phase_ == 1) fail(at, "block %u may not have started: no barrier of the cluster came before", to.id);
    if (!to.live) fail(at, "block %u has exited: its shared memory is gone", to.id);
  }
  auto* from = static_cast<const unsigned char*>(value);
  StoreInFlight op{to.shared_at(address, bytes, at),
                   {from, from + bytes},
                   reinterpret_cast<uint64_t*>(to.shared_at(counter, sizeof *barrier, at)),
                   {},
                   at};
  if (race) {
    race->access(op.to, bytes, true, false, site_of(at));
    race->release(op.released, current_block->current->actor);
  }
  if (options.poison) poison_fill(op.to, bytes);
  to.stores.push_back(std::move(op));
}

size_t Cluster::static_offset(const void* key, size_t bytes, size_t align, Loc at) {
  auto [it, fresh] = static_offsets_.try_emplace(key, 0);
  if (!fresh) return it->second;
  const size_t step = std::max<size_t>(align, 16), offset = (static_used + step - 1) / step * step;
  if (offset + bytes > kStaticMax) {
    fail(at, "static shared memory of %zu bytes; the limit is %zu", offset + bytes, kStaticMax);
  }
  it->second = offset;
  static_used = offset + bytes;
  for (const auto& b : blocks)
    if (options.poison) poison_fill(b->memory.static_start() + offset, bytes);
  return offset;
}

void cluster_arrive(Loc at) {
  Block& b = *current_block;
  if (b.options.arch < 90) fail(at, "clusters need sm_90");
  warp_collective(~0u, "barrier.cluster.arrive", kFullWarp, nullptr, nullptr, at);
  b.cluster.arrive(*b.current, at);
}
void cluster_wait(Loc at) {
  Block& b = *current_block;
  warp_collective(~0u, "barrier.cluster.wait", kFullWarp, nullptr, nullptr, at);
  b.cluster.wait(*b.current, at);
}
unsigned cluster_rank() {
  return current_block->rank;
}
unsigned cluster_size() {
  return current_block->cluster.size;
}
void cluster_store_async(void* p, uint64_t* barrier, unsigned rank, const void* value, size_t bytes, Loc at) {
  current_block->cluster.store(p, barrier, rank, value, bytes, at);
}

}  // namespace simt
