#include <src/traffic.h>

#include <algorithm>
#include <bit>

namespace simt {

void SectorSet::touch(uintptr_t address, size_t bytes, bool write) {
  for (uintptr_t s = address / 32; s <= (address + bytes - 1) / 32; ++s) {
    Page& page = pages_[s / 128];
    const size_t word = s / 64 % 2;
    const uint64_t bit = 1ull << s % 64;
    if (write) page.stored[word] |= bit;
    if (!write && !(page.stored[word] & bit)) page.loaded[word] |= bit;
  }
}

void SectorSet::add(const SectorSet& other) {
  for (const auto& [number, from] : other.pages_) {
    Page& to = pages_[number];
    for (int i = 0; i < 2; ++i) to.loaded[i] |= from.loaded[i], to.stored[i] |= from.stored[i];
  }
}

uint64_t SectorSet::loaded() const {
  uint64_t n = 0;
  for (const auto& [number, page] : pages_)
    n += uint64_t(std::popcount(page.loaded[0]) + std::popcount(page.loaded[1]));
  return n;
}

uint64_t SectorSet::stored() const {
  uint64_t n = 0;
  for (const auto& [number, page] : pages_)
    n += uint64_t(std::popcount(page.stored[0]) + std::popcount(page.stored[1]));
  return n;
}

void Traffic::note(unsigned warp, unsigned lane, bool shared, bool write, uintptr_t address, size_t bytes, Site site) {
  if (shared) (write ? stats_.shared_store_bytes : stats_.shared_load_bytes) += bytes;
  if (!shared) sectors_.touch(address, bytes, write);
  const uint64_t key = site * 4 + (shared ? 2 : 0) + (write ? 1 : 0);
  Place& place = places_[warp][key];
  place.shared = shared;
  place.write = write;
  place.bytes = bytes;
  const uint64_t ordinal = place.count[lane]++;
  if (ordinal < place.first) return;
  while (place.open.size() <= ordinal - place.first) place.open.emplace_back();
  WarpAccess& access = place.open[ordinal - place.first];
  access.lanes |= 1u << lane;
  access.address[lane] = address;
  while (!place.open.empty() && place.open.front().lanes == ~0u) {
    count(place, place.open.front());
    place.open.pop_front();
    ++place.first;
  }
}

void Traffic::finish() {
  for (auto& warp : places_) {
    for (auto& [key, place] : warp) {
      for (const WarpAccess& access : place.open) count(place, access);
    }
    warp.clear();
  }
}

void Traffic::count(const Place& place, const WarpAccess& access) {
  if (!access.lanes) return;
  if (place.shared) {
    count_shared(place, access);
  } else {
    count_global(place, access);
  }
}

void Traffic::count_global(const Place& place, const WarpAccess& access) {
  std::vector<uintptr_t> sectors;
  for (unsigned lane = 0; lane < 32; ++lane) {
    if (!(access.lanes >> lane & 1)) continue;
    for (uintptr_t s = access.address[lane] / 32; s <= (access.address[lane] + place.bytes - 1) / 32; ++s) {
      sectors.push_back(s);
    }
  }
  std::sort(sectors.begin(), sectors.end());
  const auto distinct = std::unique(sectors.begin(), sectors.end()) - sectors.begin();
  (place.write ? stats_.global_store_sectors : stats_.global_load_sectors) += uint64_t(distinct);
  ++stats_.global_width[std::min<size_t>(size_t(std::bit_width(place.bytes)) - 1, 4)];
}

// 32 banks of 4 bytes. 8-byte accesses are made by one half of the warp at a time, 16-byte ones by one quarter; lanes
// that access the same word at a time share it.
void Traffic::count_shared(const Place& place, const WarpAccess& access) {
  const unsigned phases = place.bytes <= 4 ? 1 : place.bytes <= 8 ? 2 : 4, lanes = 32 / phases;
  for (unsigned phase = 0; phase < phases; ++phase) {
    std::array<std::vector<uintptr_t>, 32> words;
    size_t worst = 0;
    for (unsigned lane = phase * lanes; lane < (phase + 1) * lanes; ++lane) {
      if (!(access.lanes >> lane & 1)) continue;
      for (uintptr_t w = access.address[lane] / 4; w <= (access.address[lane] + place.bytes - 1) / 4; ++w) {
        auto& bank = words[w % 32];
        if (std::find(bank.begin(), bank.end(), w) == bank.end()) bank.push_back(w);
        worst = std::max(worst, bank.size());
      }
    }
    stats_.shared_wavefronts += worst;
    stats_.shared_ideal_wavefronts += worst != 0;
  }
}

}  // namespace simt
