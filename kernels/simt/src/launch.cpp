#include <src/cluster.h>
#include <src/launch.h>
#include <src/stream.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

namespace simt {

std::atomic<uint64_t> instrumented_calls{0};
bool hooks_linked = false;

namespace {

std::mutex mutex;
Stats total{};
std::string last_message;
struct KernelTotal {
  const void* kernel;
  KernelStats stats;  // the name is filled in by stats_by_kernel()
};
std::vector<KernelTotal> by_kernel;
int64_t launches_begun = 0;
bool device_lost = false;
cudaError_t execute(const Grid&);

cudaError_t refuse(const Grid& g, cudaError_t code, const std::string& why) {
  std::lock_guard lock(mutex);
  last_message = "launch of " + function_name(g.kernel) + ": " + why;
  return note_error(code);
}

std::string text_of(const char* name, dim3 d) {
  return std::string(name) + " (" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " + std::to_string(d.z) + ")";
}

// Returns what is wrong with the shape, or an empty string if hardware accepts it.
std::string wrong_shape(const cudaLaunchConfig_t& c) {
  const dim3 g = c.gridDim, b = c.blockDim;
  const uint64_t threads = uint64_t(b.x) * b.y * b.z;
  if (!threads || threads > 1024 || b.x > 1024 || b.y > 1024 || b.z > 64) {
    return text_of("block", b) + ": 1 to 1024 threads are possible";
  }
  if (!g.x || !g.y || !g.z || g.x > 2147483647u || g.y > 65535 || g.z > 65535) {
    return text_of("grid", g) + ": 1 to 2147483647, 65535, 65535 are possible";
  }
  if (uint64_t(g.x) * g.y * g.z > 0xffffffffu) return text_of("grid", g) + ": more than 2^32 blocks";
  return "";
}

// Reads the launch's attributes. Returns what is wrong with them, or an empty string.
std::string wrong_attribute(Grid& g, const Options& o) {
  for (unsigned i = 0; i < g.config.numAttrs; ++i) {
    const cudaLaunchAttribute& a = g.config.attrs[i];
    if (a.id == cudaLaunchAttributeIgnore) continue;
    if (a.id == cudaLaunchAttributeProgrammaticStreamSerialization) {
      g.early = a.val.programmaticStreamSerializationAllowed;
      if (g.early && o.arch < 90) return "launches that start early need sm_90";
      continue;
    }
    const auto d = a.val.clusterDim;
    if (a.id != cudaLaunchAttributeClusterDimension) return "a launch attribute that is not modelled";
    if (d.y != 1 || d.z != 1) return "clusters along y or z are not modelled";
    if (o.arch < 90) return "clusters need sm_90";
    if (!d.x || d.x > 8) return "a cluster of " + std::to_string(d.x) + " blocks: 1 to 8 are portable";
    if (g.config.gridDim.x % d.x) {
      return text_of("grid", g.config.gridDim) + ": not whole clusters of " + std::to_string(d.x) + " blocks";
    }
    g.cluster = d.x;
  }
  g.config.attrs = nullptr;  // belongs to the caller
  g.config.numAttrs = 0;
  return "";
}

std::string wrong_memory(const Grid& g, const Options& o) {
  const size_t bytes = g.config.dynamicSmemBytes, limit = max_dynamic_shared(o.arch);
  if (bytes > limit) {
    return std::to_string(bytes) + " bytes of dynamic shared memory; sm_" + std::to_string(o.arch) + " has " +
           std::to_string(limit);
  }
  if (bytes > 48 * 1024 && shared_opt_in(g.kernel) < bytes) {
    return std::to_string(bytes) +
           " bytes of dynamic shared memory without cudaFuncAttributeMaxDynamicSharedMemorySize";
  }
  return "";
}

template <class T>
void add_counters(T& to, const T& from) {
  static_assert(sizeof(T) % sizeof(uint64_t) == 0);
  auto* a = reinterpret_cast<uint64_t*>(&to);
  auto* b = reinterpret_cast<const uint64_t*>(&from);
  for (size_t i = 0; i < sizeof(T) / sizeof(uint64_t); ++i) a[i] += b[i];
}

void add_launch(const Grid& g, const Stats& stats) {
  const auto same = [&](const KernelTotal& k) { return k.kernel == g.kernel; };
  auto it = std::find_if(by_kernel.begin(), by_kernel.end(), same);
  if (it == by_kernel.end()) it = by_kernel.insert(it, {g.kernel, {}});
  const dim3 b = g.config.blockDim;
  it->stats.threads = b.x * b.y * b.z;
  it->stats.dynamic_shared = g.config.dynamicSmemBytes;
  add_counters(it->stats.stats, stats);
}

class Launch {
 public:
  Launch(const Grid& g, const Options& o) : grid_(g), options_(o) {
    const dim3 d = g.config.gridDim;
    order_.resize(size_t(d.x) * d.y * d.z / g.cluster);
    std::iota(order_.begin(), order_.end(), 0u);
    if (o.order == Order::kReverse || o.order == Order::kLifo) std::reverse(order_.begin(), order_.end());
    if (o.order == Order::kRandom || o.order == Order::kPct) {
      std::mt19937_64 random(o.seed);
      std::shuffle(order_.begin(), order_.end(), random);
    }
  }

  void run() {
    // One worker: the race detector's shadow of global memory is shared by all blocks and has no lock.
    const int wanted = options_.race      ? 1
                       : options_.workers ? options_.workers
                                          : int(std::thread::hardware_concurrency());
    const int workers = std::clamp(int(std::min<size_t>(order_.size(), size_t(std::max(wanted, 1)))), 1, 1024);
    std::vector<std::thread> others;
    for (int i = 1; i < workers; ++i) others.emplace_back([this] { work(); });
    work();
    for (std::thread& t : others) t.join();
    ++stats_.launches;
    stats_.races = shadow_.reports;
    stats_.global_load_distinct = sectors_.loaded();
    stats_.global_store_distinct = sectors_.stored();
    if (error_.empty() && shadow_.reports) {
      error_ = shadow_.first_race.empty() ? shadow_.first_unwritten : shadow_.first_race;
      if (shadow_.seen.size() > 1)
        error_ += " (and " + std::to_string(shadow_.seen.size() - 1) + " more pairs of lines)";
    }
  }

  const std::string& error() const { return error_; }
  const Stats& stats() const { return stats_; }

 private:
  void work() {
    catch_faults();
    std::vector<std::unique_ptr<WorkerMemory, void (*)(WorkerMemory*)>> memory;
    for (unsigned i = 0; i < grid_.cluster; ++i) memory.emplace_back(borrow_memory(), return_memory);
    for (size_t i; !stop_ && (i = next_++) < order_.size();) {
      Cluster cluster(grid_, options_, shadow_, order_[i] * grid_.cluster);
      for (const auto& m : memory) cluster.add_block(*m);
      const std::string error = cluster.run();
      std::lock_guard lock(mutex_);
      for (const auto& block : cluster.blocks) {
        add_counters(stats_, block->stats);
        if (block->traffic) sectors_.add(block->traffic->sectors());
      }
      if (error.empty()) continue;
      if (error_.empty()) error_ = error;
      stop_ = true;
    }
  }

  const Grid& grid_;
  const Options& options_;
  std::vector<uint32_t> order_;  // of clusters
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  GlobalShadow shadow_;
  std::mutex mutex_;
  SectorSet sectors_;
  Stats stats_{};
  std::string error_;
};

}  // namespace

size_t max_dynamic_shared(int arch) {
  // CUDA C++ Programming Guide, "Technical Specifications per Compute Capability": 8.6, 8.9 and 12.x have 100 KiB a
  // multiprocessor, of which a block can have 99.
  if (arch == 86 || arch >= 120) return 99 * 1024;
  return arch >= 90 ? 227 * 1024 : 163 * 1024;
}

void remember_message(const std::string& text) {
  std::lock_guard lock(mutex);
  last_message = text;
}

cudaError_t lost_device() {
  return device_lost ? cudaErrorIllegalAddress : cudaSuccess;
}

cudaError_t run_grid(const Grid& asked) {
  const Options& o = options();
  Grid g = asked;
  if (!device_lost) remember_message("");
  if (std::string why = wrong_shape(g.config); !why.empty()) return refuse(g, cudaErrorInvalidConfiguration, why);
  if (std::string why = wrong_attribute(g, o); !why.empty()) return refuse(g, cudaErrorInvalidConfiguration, why);
  if (std::string why = wrong_memory(g, o); !why.empty()) return refuse(g, cudaErrorInvalidValue, why);
  if ((o.race || o.traffic) && !hooks_linked) {
    return refuse(g, cudaErrorNotSupported, "options race and traffic need kernels built in mode \"race\"");
  }
  if (current_block) return refuse(g, cudaErrorNotSupported, "a kernel may not launch kernels here");
  if (!outlives_call(g.config.stream)) return device_lost ? note_error(lost_device()) : execute(g);
  // Copied, because the arguments live on the caller's stack.
  const std::shared_ptr<void> copy(::operator new(g.argument_bytes, std::align_val_t(64)),
                                   [](void* p) { ::operator delete(p, std::align_val_t(64)); });
  std::memcpy(copy.get(), g.arguments, g.argument_bytes);
  Grid kept = g;
  kept.arguments = copy.get();
  return submit(g.config.stream, {[kernel = g.kernel] { return "launch of " + function_name(kernel); },
                                  [kept, copy] { return execute(kept); }, uses_of(copy.get(), g.argument_bytes)});
}

namespace {

cudaError_t execute(const Grid& g) {
  const Options& o = options();
  if (++launches_begun == o.fail_launch) {
    device_lost = true;
    return refuse(g, cudaErrorIllegalAddress, "an illegal memory access was encountered");
  }
  const uint64_t calls = instrumented_calls;
  Launch launch(g, o);
  launch.run();
  {
    std::lock_guard lock(mutex);
    add_counters(total, launch.stats());
    add_launch(g, launch.stats());
  }
  if (!launch.error().empty()) return refuse(g, cudaErrorLaunchFailure, launch.error());
  if (o.race && instrumented_calls == calls) {
    return refuse(g, cudaErrorNotSupported, "option race is set, but this kernel was not built in mode \"race\"");
  }
  return cudaSuccess;
}

}  // namespace

void count_product() {
  std::lock_guard lock(mutex);
  ++total.products;
}

void count_memset(size_t bytes) {
  std::lock_guard lock(mutex);
  total.memset_bytes += bytes;
}

Stats stats() {
  std::lock_guard lock(mutex);
  return total;
}
void reset_stats() {
  std::lock_guard lock(mutex);
  total = Stats{};
  by_kernel.clear();
}
std::vector<KernelStats> stats_by_kernel() {
  std::lock_guard lock(mutex);
  std::vector<KernelStats> all;
  for (const KernelTotal& k : by_kernel) {
    all.push_back(k.stats);
    all.back().kernel = function_name(k.kernel);
  }
  return all;
}
std::string last_error() {
  std::lock_guard lock(mutex);
  return last_message;
}
bool has_hooks() {
  return hooks_linked;
}

}  // namespace simt
