#include <src/asan.h>
#include <src/cluster.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <map>
#include <stdexcept>

__thread uint3 threadIdx, blockIdx;
__thread dim3 blockDim{1, 1, 1}, gridDim{1, 1, 1};

namespace simt {

namespace context = boost::context::detail;
__thread Block* current_block = nullptr;

namespace {

struct LaunchFailure : std::runtime_error {
  using runtime_error::runtime_error;
};

size_t stack_bytes(const Options& o) {
  if (o.stack_bytes) return (o.stack_bytes + kPage - 1) / kPage * kPage;
  return SIMT_ASAN ? 256 * 1024 : 64 * 1024;
}

}  // namespace

void fail(Loc at, const char* format, ...) {
  Block* b = current_block;
  {
    char message[700];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    std::string text = at.file ? site_name(site_of(at)) + ": " : "";
    if (b) text += "block " + std::to_string(b->id);
    if (b && b->current) text += " thread " + std::to_string(b->current->linear);
    if (b) text += ": ";
    text += message;
    if (!b || !b->current) throw LaunchFailure(text);
    if (b->error.empty()) b->error = std::move(text);
  }
  // The fiber is left as it is and never runs again. Its stack is not unwound, since the caller may be an
  // instrumentation hook.
  for (;;) {
    b->current->state = State::kBlocked;
    b->current->waits_in = "failure";
    b->yield();
  }
}

Block::Block(Cluster& c, WorkerMemory& m, unsigned id_, unsigned rank_)
    : cluster(c),
      grid(c.grid),
      options(c.options),
      memory(m),
      id(id_),
      rank(rank_),
      thread_count(c.threads_per_block),
      live(thread_count),
      random(options.seed * 1000003 + id_),
      dynamic(m.dynamic_start(grid.config.dynamicSmemBytes)),
      dynamic_bytes(grid.config.dynamicSmemBytes),
      race(c.race.get()) {
  scheduler = std::make_unique<Scheduler>(options.order, thread_count, random);
  if (options.traffic) traffic = std::make_unique<Traffic>((thread_count + 31) / 32, stats);
}

void Block::enter() {
  const dim3 g = grid.config.gridDim;
  current_block = this;
  blockIdx = {id % g.x, id / g.x % g.y, id / (g.x * g.y)};
  blockDim = grid.config.blockDim;
  gridDim = g;
}

void Block::prepare() {
  const dim3 b = grid.config.blockDim;
  const size_t rounded = (dynamic_bytes + 1023) / 1024 * 1024;
  asan_allow(memory.dynamic_map(), kDynamicMap);
  if (options.poison) poison_fill(dynamic, rounded);
  asan_forbid(memory.dynamic_map(), kDynamicMap);
  asan_allow(dynamic, dynamic_bytes);
  memory.need_stacks(thread_count, stack_bytes(options));
  threads.resize(thread_count);
  warps.resize((thread_count + 31) / 32);
  for (unsigned i = 0; i < thread_count; ++i) {
    Thread& t = threads[i];
    t.block = this;
    t.warp = &warps[i / 32];
    t.index = {i % b.x, i / b.x % b.y, i / (b.x * b.y)};
    t.linear = i;
    t.actor = rank * cluster.actors_per_block + i;
    t.lane = i % 32;
    if (!t.lane) {
      t.warp->first = &t;
      t.warp->index = i / 32;
      t.warp->pending.reserve(32);
    }
    t.warp->live = t.warp->exists |= 1u << t.lane;
    start_fiber(t);
  }
  for (unsigned i = 0; i < thread_count; ++i) {
    scheduler->add(&threads[options.order == Order::kReverse ? thread_count - 1 - i : i]);
  }
}

void fiber_entry(context::transfer_t from) {
  auto& t = *static_cast<Thread*>(from.data);
  Block& b = *t.block;
  b.scheduler_context_ = from.fctx;
  asan_arrive(nullptr, &b.scheduler_stack_, &b.scheduler_stack_bytes_);
  try {
    b.grid.entry(b.grid.arguments);
    b.on_exit(t);
  } catch (const std::exception& e) {
    if (b.error.empty()) b.error = e.what();
    t.state = State::kDone;
  }
  asan_leave(nullptr, b.scheduler_stack_, b.scheduler_stack_bytes_);
  context::jump_fcontext(b.scheduler_context_, nullptr);
}

void Block::start_fiber(Thread& t) {
  t.stack = memory.stack_low(t.linear);
  t.state = State::kReady;
  char* top = t.stack + memory.stack_size();
  asan_allow(t.stack, memory.stack_size());  // an earlier fiber's frames may be marked there
  if (options.poison) {                      // so that uninitialised locals read as NaN
    const size_t bytes = std::min<size_t>(4096, memory.stack_size());
    poison_fill(top - bytes, bytes);
  }
  t.context = context::make_fcontext(top, memory.stack_size(), fiber_entry);
}

void Block::resume(Thread* t) {
  current = t;
  threadIdx = t->index;
  ++stats.switches;
  asan_leave(&scheduler_fake_stack_, t->stack, memory.stack_size());
  t->context = context::jump_fcontext(t->context, t).fctx;
  asan_arrive(scheduler_fake_stack_, nullptr, nullptr);
}

void Block::yield() {
  Thread* t = current;
  asan_leave(&t->fake_stack, scheduler_stack_, scheduler_stack_bytes_);
  scheduler_context_ = context::jump_fcontext(scheduler_context_, nullptr).fctx;
  asan_arrive(t->fake_stack, &scheduler_stack_, &scheduler_stack_bytes_);
}

void Block::block_on(const char* what, Loc at) {
  current->state = State::kBlocked;
  current->waits_in = what;
  current->waits_at = at;
  yield();
}

void Block::wake(Thread* t) {
  t->state = State::kReady;
  scheduler->add(t);
}

bool Block::advance(uint64_t most) {
  uint64_t turns = 0;
  for (; error.empty() && turns < most; ++turns) {
    const bool idle = scheduler->idle();
    const bool in_flight = !tma.empty() || !stores.empty();
    if (in_flight &&
        (idle || options.async == Async::kEarly || (options.async == Async::kRandom && random() % 8 == 0))) {
      land();
    } else if (idle) {
      break;
    } else {
      resume(scheduler->next());
    }
  }
  current = nullptr;
  return turns > 0;
}

void Block::land() {
  current = nullptr;
  const size_t i = options.async == Async::kLate ? 0 : random() % (tma.size() + stores.size());
  i < tma.size() ? land_tma(i) : land_store(i - tma.size());
}

void Block::finish() {
  try {
    if (error.empty() && live) error = deadlock();
    if (error.empty()) check_end();
    if (error.empty()) check_slack();
  } catch (const LaunchFailure& e) {
    error = e.what();
  }
  if (traffic) traffic->finish();
  asan_allow(memory.dynamic_map(), kDynamicMap);
  ++stats.blocks;
  current_block = nullptr;  // fibers of a failed launch are abandoned; their stacks return to the pool
}

void Block::on_exit(Thread& t) {
  t.copy_groups.push_back(std::move(t.copies));
  for (const auto& group : t.copy_groups) {  // empty groups are harmless
    if (options.strict && !group.empty())
      fail(group[0].loc, "the thread exits without having waited for this cp.async");
  }
  if (grid.early && options.strict && !t.waited_for_launches)
    fail({}, "exits without having waited for the launches before, and this one may start early");
  t.state = State::kDone;
  --live;
  t.warp->live &= ~(1u << t.lane);
  for (const Collective& c : t.warp->pending) {
    if (c.mask >> t.lane & 1) {
      fail(c.loc, "%s(mask %08x) waits for lane %u, which has exited", c.name, c.mask, t.lane);
    }
  }
  if (options.strict && !live && !stores.empty())
    fail(stores[0].loc, "block %u exits before this store to its shared memory has landed", id);
  cluster.on_exit();
  Barrier& whole = barriers[0];
  if (!whole.arrived || whole.expected != -1) return;
  if (options.strict) fail(whole.first, "a thread exits while %d others wait in __syncthreads", whole.arrived);
  if (whole.arrived == int(live)) release(whole);
}

void Block::check_end() {
  if (!tma.empty()) land_tma(0);
  if (!options.strict) return;
  for (const Warp& w : warps) {
    if (!w.products.empty() || !w.product_groups.empty()) {
      fail(w.wgmma_at, "warp %u exits with wgmma products it never waited for", w.index);
    }
    if (w.wgmma_count != warps[w.index / 4 * 4].wgmma_count) {
      fail(w.wgmma_at, "the warps of warpgroup %u issued different numbers of wgmma", w.index / 4);
    }
  }
  for (int i = 0; i < 16; ++i) {
    if (barriers[i].arrived) fail(barriers[i].first, "barrier %d is left with %d arrivals", i, barriers[i].arrived);
  }
}

// Checks that the few bytes between the end of dynamic shared memory and the inaccessible page still hold the poison.
void Block::check_slack() {
  if (!options.poison || SIMT_ASAN) return;
  const size_t rounded = (dynamic_bytes + 1023) / 1024 * 1024;
  std::vector<unsigned char> expected(rounded - dynamic_bytes + (dynamic_bytes & 1));
  poison_fill(expected.data(), expected.size());
  for (size_t i = dynamic_bytes; i < rounded; ++i) {
    if (dynamic[i] == expected[i - dynamic_bytes + (dynamic_bytes & 1)]) continue;
    fail({nullptr, 0}, "someone wrote at dynamic shared offset %zu, past the %zu bytes of the launch", i,
         dynamic_bytes);
  }
}

std::string Block::deadlock() const {
  std::map<std::string, std::pair<unsigned, unsigned>> groups;  // first thread, count
  for (const Thread& t : threads) {
    if (t.state != State::kBlocked) continue;
    auto [it, fresh] =
        groups.try_emplace(std::string(t.waits_in) + " at " + site_name(site_of(t.waits_at)), t.linear, 0);
    ++it->second.second;
  }
  std::string text = "deadlock in block " + std::to_string(id) + ":";
  for (const auto& [where, who] : groups) {
    text += " thread " + std::to_string(who.first);
    if (who.second > 1) text += " and " + std::to_string(who.second - 1) + " more";
    text += (who.second > 1 ? " wait in " : " waits in ") + where + ";";
  }
  return text + " " + std::to_string(thread_count - live) + " of " + std::to_string(thread_count) +
         " threads have exited";
}

bool Block::in_static(const void* p) const {
  return p >= memory.static_start() && p < memory.static_start() + cluster.static_used;
}

std::string Block::describe(const void* p) const {
  auto* b = static_cast<const unsigned char*>(p);
  if (in_dynamic(p)) return "dynamic shared +" + std::to_string(b - dynamic);
  if (in_static(p)) return "static shared +" + std::to_string(b - memory.static_start());
  char text[40];
  std::snprintf(text, sizeof text, "global memory %p", p);
  return text;
}

}  // namespace simt
