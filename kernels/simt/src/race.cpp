// Shadow cells and reports of the race detector.
#include <src/cluster.h>

#include <algorithm>
#include <cstdio>

namespace simt {

Granule& GlobalShadow::at(uintptr_t address) {
  const uintptr_t page = address / (4 * kPageGranules);
  if (!last_ || page != last_page_) {
    auto& slot = pages_[page];
    if (!slot) slot = std::make_unique<Granule[]>(kPageGranules);
    last_page_ = page;
    last_ = slot.get();
  }
  return last_[address / 4 % kPageGranules];
}

// Static shared memory follows the dynamic one.
Granule& RaceDetector::shared_granule(const Block& block, uintptr_t address) {
  const auto dynamic = reinterpret_cast<uintptr_t>(block.dynamic);
  const size_t dynamic_granules = (block.dynamic_bytes + 3) / 4;
  const size_t i = block.in_dynamic(reinterpret_cast<void*>(address))
                       ? (address - dynamic) / 4
                       : dynamic_granules + (address - reinterpret_cast<uintptr_t>(block.memory.static_start())) / 4;
  std::vector<Granule>& granules = shared_[block.rank];
  if (i >= granules.size()) granules.resize(dynamic_granules + kStaticMax / 4);
  return granules[i];
}

Block* RaceDetector::owner_of(const void* p) const {
  if (current_block->in_shared(p)) return current_block;
  for (const auto& block : cluster_.blocks)
    if (block->in_shared(p)) return block.get();
  return nullptr;
}

void RaceDetector::access(const void* p, size_t bytes, bool write, bool atomic, Site site) {
  const unsigned t = current_block->current->actor;
  const View& v = views_[t];
  if (current_block->grid.early && !current_block->current->waited_for_launches && !owner_of(p))
    report_early(write, p, site);
  record({t, kSelf, v, {site, v.own[kSelf], id_, uint16_t(t), atomic}, write}, p, bytes);
}

void RaceDetector::engine_access(unsigned t, Engine e, uint32_t epoch, const void* p, size_t bytes, bool write,
                                 Site site) {
  record({t, e, views_[t], {site, epoch, id_, uint16_t(actor_of(t, e)), false}, write}, p, bytes);
}

void RaceDetector::record(const Actor& a, const void* p, size_t bytes) {
  const auto first = reinterpret_cast<uintptr_t>(p), end = first + bytes;
  const Block* owner = owner_of(p);
  const bool shared = owner;
  for (uintptr_t g = first & ~uintptr_t(3); g < end; g += 4) {
    Granule& granule = shared ? shared_granule(*owner, g) : global_.at(g);
    ShadowPool& pool = shared ? pool_ : global_.pool;
    const uintptr_t low = std::max(first, g), high = std::min(end, g + 4);
    if (!granule.bytes && high - low == 4) {
      check(a, granule.cell, pool, g, shared);
      continue;
    }
    if (!granule.bytes) {
      pool.split.emplace_back(4, granule.cell);
      granule.bytes = uint32_t(pool.split.size());
      for (Cell& c : pool.split.back()) {
        if (!c.readers) continue;
        pool.readers.push_back(std::vector<Access>(pool.readers[granule.cell.readers - 1]));
        c.readers = uint32_t(pool.readers.size());
      }
    }
    for (uintptr_t b = low; b < high; ++b) check(a, pool.split[granule.bytes - 1][b - g], pool, b, shared);
  }
}

// Accesses of different clusters are never ordered.
bool RaceDetector::before(const Actor& a, const Access& other) const {
  if (!other.clock) return true;
  return other.cluster == id_ && other.clock <= known(a.view, a.thread, other.actor);
}

void RaceDetector::check(const Actor& a, Cell& c, ShadowPool& pool, uintptr_t address, bool shared) {
  const bool same =
      c.write.cluster == a.access.cluster && c.write.actor == a.access.actor && c.write.clock == a.access.clock;
  const bool both_atomic = a.access.atomic && c.write.atomic;
  if (!same && !both_atomic && !before(a, c.write)) {
    report(a, a.write ? "write" : "read", address, c.write, "write");
  } else if (a.engine == kBulkEngine && shared && c.write.clock && c.write.actor < 2 * n_ &&
             c.write.clock > known(proxy_[a.thread], a.thread, c.write.actor)) {
    report(a, a.write ? "async-proxy write without fence.proxy.async" : "async-proxy read without fence.proxy.async",
           address, c.write, "ordinary write");
  }
  if (!a.write) {
    if (shared && !c.write.clock) report(a, "read of shared memory", address, Access{}, "");
    add_reader(a, c, pool);
    return;
  }
  check_readers(a, c, pool, address);
  c.write = a.access;
  c.read.clock = 0;
  if (c.readers) pool.readers[c.readers - 1].clear();
}

void RaceDetector::check_readers(const Actor& a, Cell& c, ShadowPool& pool, uintptr_t address) {
  auto check_one = [&](const Access& r) {
    if (before(a, r) || (a.access.atomic && r.atomic)) return true;
    report(a, "write", address, r, "read");
    return false;
  };
  if (!check_one(c.read) || !c.readers) return;
  for (const Access& r : pool.readers[c.readers - 1]) {
    if (!check_one(r)) return;
  }
}

// c.read holds one read; as soon as two reads are unordered, all of them go into a list.
void RaceDetector::add_reader(const Actor& a, Cell& c, ShadowPool& pool) {
  auto covered = [&](const Access& r) {
    return (r.cluster == a.access.cluster && r.actor == a.access.actor) || before(a, r);
  };
  if (covered(c.read)) {
    c.read = a.access;
    return;
  }
  if (!c.readers) {
    pool.readers.emplace_back();
    c.readers = uint32_t(pool.readers.size());
  }
  auto& list = pool.readers[c.readers - 1];
  for (Access& r : list) {
    if (r.cluster == a.access.cluster && r.actor == a.access.actor) {
      r = a.access;
      return;
    }
  }
  // A read that is ordered before this one is no longer needed. Of another cluster one read is enough, since nothing
  // orders any of its reads.
  if (list.size() >= 8) {
    std::erase_if(list, [&](const Access& r) { return covered(r) || (r.cluster != id_ && c.read.cluster != id_); });
  }
  list.push_back(a.access);
}

std::string RaceDetector::where(const void* p) const {
  const Block* owner = owner_of(p);
  const std::string text = (owner ? *owner : *current_block).describe(p);
  return owner && owner != current_block ? text + " of block " + std::to_string(owner->id) : text;
}

std::string RaceDetector::who(const Access& x) const {
  const unsigned each = cluster_.actors_per_block;
  const unsigned thread = x.actor < 2 * n_ ? x.actor % n_ : (x.actor - 2 * n_) * 32;
  std::string name = x.actor < n_       ? "thread " + std::to_string(thread % each)
                     : x.actor < 2 * n_ ? "cp.async of thread " + std::to_string(thread % each)
                                        : "TMA/wgmma of warp " + std::to_string(thread % each / 32);
  return name + " of block " + std::to_string(x.cluster + thread / each);
}

void RaceDetector::report(const Actor& a, const char* what, uintptr_t address, const Access& other,
                          const char* other_what) {
  ++global_.reports;
  if (!global_.seen.insert({a.access.site, other.site}).second) return;
  std::string text = std::string("race: ") + what + " by " + who(a.access) + " at " + site_name(a.access.site);
  if (other.clock) {
    text += std::string(", unordered with the ") + other_what + " by " + who(other) + " at " + site_name(other.site);
  } else {
    text += " that nothing has written";
  }
  text += ", " + where(reinterpret_cast<void*>(address));
  if (global_.seen.size() <= 20) std::fprintf(stderr, "simt: %s\n", text.c_str());
  std::string& first = other.clock ? global_.first_race : global_.first_unwritten;
  if (first.empty()) first = text;
}

void RaceDetector::report_early(bool write, const void* p, Site site) {
  ++global_.reports;
  if (!global_.first_race.empty()) return;
  global_.first_race = std::string("race: ") + (write ? "write" : "read") + " at " + site_name(site) +
                       ", and the launches before may not have ended, " + where(p);
}

}  // namespace simt
