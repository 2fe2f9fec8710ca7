#include "train/memory_limit.h"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>

#include "kernels/base/human.h"
#include "kernels/base/kernel_file.h"
#include "train/memory_use.h"

namespace fs = std::filesystem;

namespace encore {
namespace {

// The address space of a thread: its stack, and the heap that malloc reserves for it. RLIMIT_DATA counts only the part
// of the heap that is written to.
constexpr uint64_t kStack = uint64_t(8) << 20, kHeapOfThread = uint64_t(128) << 20, kHeapWritten = uint64_t(8) << 20;
constexpr uint64_t kMargin = uint64_t(32) << 20;  // blocks rounded up to whole huge pages, buffers of files

uint64_t less(uint64_t a, uint64_t b) {
  return a > b ? a - b : 0;
}

void narrow(MemoryRoom& room, uint64_t bytes, const std::string& source) {
  if (bytes < room.bytes) room = {bytes, source};
}

struct CgroupFiles {
  const char *limit, *usage;
  std::vector<std::string_view> reclaimable;  // keys of memory.stat
};

void ask_cgroups(const KernelFiles& kernel, int ranks, MemoryRoom& room) {
  static const CgroupFiles kUnified = {"memory.max", "memory.current", {"inactive_file ", "active_file "}};
  static const CgroupFiles kFirst = {
      "memory.limit_in_bytes", "memory.usage_in_bytes", {"total_inactive_file ", "total_active_file "}};
  for (const Cgroup& group : cgroups_of("memory", kernel)) {
    const CgroupFiles& files = group.unified ? kUnified : kFirst;
    const auto limit = number_in(group.folder / files.limit), usage = number_in(group.folder / files.usage);
    if (!limit || !usage) continue;
    const uint64_t reclaimable = sum_in(group.folder / "memory.stat", files.reclaimable);
    narrow(room, less(*limit, less(*usage, reclaimable)) / uint64_t(ranks),
           fmt::format("the memory cgroup {}", group.name));
  }
}

void ask_limits(const KernelFiles& kernel, int threads, uint64_t mapped, MemoryRoom& room) {
  const auto limit = [](int resource) -> uint64_t {
    struct rlimit l {};
    return ::getrlimit(resource, &l) == 0 && l.rlim_cur != RLIM_INFINITY ? uint64_t(l.rlim_cur) : UINT64_MAX;
  };
  const auto used = [&](const char* key) { return number_in(kernel.proc / "self/status", key).value_or(0) * 1024; };
  // These two limits count reserved memory as used, and allocators reserve in advance, so a third is kept spare. The
  // share was found by trial (tests/survival.sh).
  const auto narrow_hard = [&](uint64_t bytes, const char* source) { narrow(room, bytes / 3 * 2, source); };
  const uint64_t others = uint64_t(std::max(0, threads - 1));
  if (const uint64_t l = limit(RLIMIT_AS); l != UINT64_MAX)
    narrow_hard(less(l, used("VmSize") + mapped + others * (kStack + kHeapOfThread) + kMargin),
                "RLIMIT_AS (ulimit -v)");
  if (const uint64_t l = limit(RLIMIT_DATA); l != UINT64_MAX)
    narrow_hard(less(l, used("VmData") + others * (kStack + kHeapWritten) + kMargin), "RLIMIT_DATA (ulimit -d)");
}

std::string in_one_line(const MemoryPlan& plan) {
  std::string text;
  for (const auto& region : plan.regions)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", region.name, human_bytes(double(region.bytes)));
  return text;
}

}  // namespace

MemoryRoom memory_room(int ranks, int threads, uint64_t mapped, const KernelFiles& kernel) {
  MemoryRoom room;
  ranks = std::max(1, ranks);
  const fs::path meminfo = kernel.proc / "meminfo";
  if (const auto available = number_in(meminfo, "MemAvailable"))
    narrow(room, (*available + number_in(meminfo, "SwapFree").value_or(0)) * 1024 / uint64_t(ranks),
           "this machine's free memory");
  ask_cgroups(kernel, ranks, room);
  ask_limits(kernel, threads, mapped, room);
  if (ranks > 1) room.source += fmt::format(", shared by {} ranks", ranks);
  return room;
}

void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom& room, const MemoryAdvice& advice) {
  const auto fits = [&](int64_t t, uint64_t bytes) { return less(plan(t).total(), already) <= bytes; };
  if (fits(tokens, room.bytes)) return;
  int64_t good = 0, bad = tokens;
  if (least > 0 && least < tokens && fits(least, room.bytes)) good = least;
  while (good && bad - good > 1) {
    const int64_t middle = good + (bad - good) / 2;
    (fits(middle, room.bytes / 100 * 99) ? good : bad) = middle;
  }
  const MemoryPlan whole = plan(tokens);
  std::string remedy = advice.otherwise;
  if (good)
    remedy = fmt::format("{} {} is the largest that fits", advice.flag, good);
  else if (least > 0)
    remedy = fmt::format("not even {} {} fits: {}", advice.flag, least, advice.otherwise);
  fail("out of memory: the plan needs {} ({}) and {} leaves {}: {}", human_bytes(double(whole.total())),
       in_one_line(whole), room.source, human_bytes(double(room.bytes + already)), remedy);
}

void check_memory(const std::function<MemoryPlan(int64_t tokens)>& plan, int64_t tokens, int64_t least, size_t already,
                  const MemoryRoom& host, const Backend& backend, const MemoryAdvice& advice) {
  const auto device = backend.device_memory();
  if (!device) return check_memory(plan, tokens, least, already, host, advice);
  check_memory([&](int64_t t) { return plan(t).part(/*host=*/true); }, tokens, least, already, host, advice);
  check_memory([&](int64_t t) { return plan(t).part(/*host=*/false); }, tokens, least, 0,
               {device->free, fmt::format("the device, of whose {} {} are taken,", human_bytes(double(device->total)),
                                          human_bytes(double(device->total - device->free)))},
               advice);
}

}  // namespace encore
