// Clocks and edges of the race detector.
#include <src/cluster.h>

#include <algorithm>

namespace simt {
namespace {

void join(Clocks& a, const Clocks& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] = std::max(a[i], b[i]);
}

}  // namespace

RaceDetector::RaceDetector(Cluster& cluster, GlobalShadow& global)
    : cluster_(cluster),
      id_(cluster.first_block),
      global_(global),
      n_(cluster.size * cluster.actors_per_block),
      actors_(2 * n_ + n_ / 32),
      views_(n_),
      proxy_(n_),
      epochs_(actors_, 0),
      shared_(cluster.size, std::vector<Granule>((cluster.grid.config.dynamicSmemBytes + 3) / 4)) {
  for (View& v : views_) v.own[kSelf] = 1;
}

unsigned RaceDetector::actor_of(unsigned t, Engine e) const {
  return e == kSelf ? t : e == kCopyEngine ? n_ + t : 2 * n_ + t / 32;
}

uint32_t RaceDetector::known(const View& v, unsigned t, unsigned actor) const {
  for (Engine e : {kSelf, kCopyEngine, kBulkEngine}) {
    if (actor == actor_of(t, e)) return v.own[e];
  }
  return v.base ? (*v.base)[actor] : 0;
}

uint32_t RaceDetector::issue(unsigned t, Engine e) {
  return ++epochs_[actor_of(t, e)];
}

void RaceDetector::waited(unsigned t, Engine e, uint32_t epoch) {
  views_[t].own[e] = std::max(views_[t].own[e], epoch);
}

void RaceDetector::release(SyncClock& s, unsigned t) {
  for (int h = 0; h < (proxy_used_ ? 2 : 1); ++h) {
    const View& v = h ? proxy_[t] : views_[t];
    SyncClock::Half& half = s.half[h];
    half.known.resize(actors_, 0);
    half.released.reset();
    if (v.base && v.base != half.last_joined) {
      join(half.known, *v.base);
      half.last_joined = v.base;
    }
    for (Engine e : {kSelf, kCopyEngine, kBulkEngine}) {
      uint32_t& clock = half.known[actor_of(t, e)];
      clock = std::max(clock, v.own[e]);
    }
  }
  ++views_[t].own[kSelf];
}

void RaceDetector::publish(SyncClock& s) {
  for (SyncClock::Half& half : s.half) {
    if (!half.known.empty()) half.released = std::make_shared<Clocks>(half.known);
    half.last_base.reset();
    half.last_result.reset();
  }
}

void RaceDetector::acquire(SyncClock& s, unsigned t, bool arrived) {
  for (int h = 0; h < 2; ++h) {
    SyncClock::Half& half = s.half[h];
    if (!half.released) continue;
    View& v = h ? proxy_[t] : views_[t];
    for (Engine e : {kSelf, kCopyEngine, kBulkEngine}) v.own[e] = std::max(v.own[e], (*half.released)[actor_of(t, e)]);
    if (arrived || !v.base) {
      v.base = half.released;
      continue;
    }
    if (!half.last_result || half.last_base != v.base) {
      auto sum = std::make_shared<Clocks>(*v.base);
      join(*sum, *half.released);
      half.last_base = v.base;
      half.last_result = std::move(sum);
    }
    v.base = half.last_result;
  }
}

void RaceDetector::clear(SyncClock& s) {
  s = SyncClock();
}

void RaceDetector::fence_proxy(unsigned t) {
  proxy_used_ = true;
  proxy_[t] = views_[t];
  ++views_[t].own[kSelf];  // later writes of t are not covered by this fence
}

void RaceDetector::mbarrier_release(uint64_t* b, unsigned t) {
  release(mbarriers_[b].arriving, t);
}

void RaceDetector::mbarrier_landed(uint64_t* b, unsigned t, uint32_t epoch) {
  Clocks& known = mbarriers_[b].arriving.half[0].known;
  known.resize(actors_, 0);
  uint32_t& clock = known[actor_of(t, kBulkEngine)];
  clock = std::max(clock, epoch);
}

void RaceDetector::mbarrier_join(uint64_t* b, const SyncClock& released) {
  for (int h = 0; h < 2; ++h) {
    const Clocks& from = released.half[h].known;
    Clocks& known = mbarriers_[b].arriving.half[h].known;
    known.resize(std::max(known.size(), from.size()), 0);
    for (size_t i = 0; i < from.size(); ++i) known[i] = std::max(known[i], from[i]);
  }
}

void RaceDetector::mbarrier_flip(uint64_t* b) {
  Mbarrier& m = mbarriers_[b];
  m.done = m.arriving;
  publish(m.done);
}

void RaceDetector::mbarrier_acquire(uint64_t* b, unsigned t) {
  if (auto it = mbarriers_.find(b); it != mbarriers_.end()) acquire(it->second.done, t, false);
}

}  // namespace simt
