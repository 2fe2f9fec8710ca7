#include <simt/executor.h>

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

namespace simt {
namespace {

[[noreturn]] void refuse(const char* name, const std::string& value, const std::string& allowed) {
  throw std::invalid_argument(std::string(name) + "=" + value + ": expected " + allowed);
}

template <class T>
void read_choice(const char* name, T& out, const std::map<std::string, T>& choices) {
  const char* value = std::getenv(name);
  if (!value || !*value) return;
  if (auto it = choices.find(value); it != choices.end()) {
    out = it->second;
    return;
  }
  std::string allowed;
  for (const auto& [key, unused] : choices) allowed += (allowed.empty() ? "" : ", ") + key;
  refuse(name, value, allowed);
}

template <class T>
void read_number(const char* name, T& out, uint64_t max) {
  const char* value = std::getenv(name);
  if (!value || !*value) return;
  char* end = nullptr;
  const unsigned long long n = std::strtoull(value, &end, 10);
  if (*end || *value == '-' || n > max) refuse(name, value, "a number up to " + std::to_string(max));
  out = T(n);
}

Options from_environment() {
  Options o;
  read_choice<Order>("SIMT_ORDER", o.order,
                     {{"fifo", Order::kFifo},
                      {"lifo", Order::kLifo},
                      {"reverse", Order::kReverse},
                      {"random", Order::kRandom},
                      {"pct", Order::kPct}});
  read_choice<Async>("SIMT_ASYNC", o.async,
                     {{"late", Async::kLate}, {"early", Async::kEarly}, {"random", Async::kRandom}});
  read_number("SIMT_SEED", o.seed, ~0ull);
  read_number("SIMT_WORKERS", o.workers, 1024);
  const std::map<std::string, bool> flag{{"0", false}, {"1", true}};
  read_choice("SIMT_POISON", o.poison, flag);
  read_choice("SIMT_RACE", o.race, flag);
  read_choice("SIMT_TRAFFIC", o.traffic, flag);
  read_choice("SIMT_LATE_STREAMS", o.late_streams, flag);
  read_number("SIMT_FAIL_LAUNCH", o.fail_launch, uint64_t(1) << 62);
  read_number("SIMT_MEMORY", o.memory, uint64_t(1) << 50);
  read_number("SIMT_OCCUPIED", o.occupied, o.memory);
  read_number("SIMT_DEVICES", o.devices, 64);
  read_choice<int>("SIMT_ARCH", o.arch, {{"80", 80}, {"86", 86}, {"90", 90}, {"100", 100}, {"120", 120}});
  return o;
}

}  // namespace

Options& options() {
  static Options o = from_environment();
  return o;
}

std::string to_json(const Stats& s) {
  std::string text = "{";
  auto add = [&](const char* name, uint64_t value) {
    text += (text.size() > 1 ? ", \"" : "\"") + std::string(name) + "\": " + std::to_string(value);
  };
  add("launches", s.launches);
  add("blocks", s.blocks);
  add("switches", s.switches);
  add("collectives", s.collectives);
  add("barriers", s.barriers);
  add("races", s.races);
  add("mma", s.mma);
  add("mma_flops", s.mma_flops);
  add("wgmma", s.wgmma);
  add("wgmma_flops", s.wgmma_flops);
  add("ldmatrix", s.ldmatrix);
  add("ldmatrix_phases", s.ldmatrix_phases);
  add("ldmatrix_conflicts", s.ldmatrix_conflicts);
  add("cp_async", s.cp_async);
  add("tma", s.tma);
  add("async_global_bytes", s.async_global_bytes);
  add("global_load_bytes", s.global_load_bytes);
  add("global_store_bytes", s.global_store_bytes);
  add("global_atomic_bytes", s.global_atomic_bytes);
  add("global_load_sectors", s.global_load_sectors);
  add("global_store_sectors", s.global_store_sectors);
  add("global_load_distinct", s.global_load_distinct);
  add("global_store_distinct", s.global_store_distinct);
  for (int i = 0; i < 5; ++i) add(("global_width_" + std::to_string(1 << i)).c_str(), s.global_width[i]);
  add("memset_bytes", s.memset_bytes);
  add("products", s.products);
  add("shared_load_bytes", s.shared_load_bytes);
  add("shared_store_bytes", s.shared_store_bytes);
  add("shared_wavefronts", s.shared_wavefronts);
  add("shared_ideal_wavefronts", s.shared_ideal_wavefronts);
  return text + "}";
}

}  // namespace simt
