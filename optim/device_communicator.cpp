#include "optim/device_communicator.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "kernels/base/check.h"

namespace encore {
namespace {

class DeviceCommunicator final : public Communicator {
 public:
  DeviceCommunicator(Communicator& host, Backend& backend, const CollectiveId& id)
      : host_(host), collectives_(backend.join_collectives(id, host.rank(), host.size())) {}

  int rank() const override { return host_.rank(); }
  int size() const override { return host_.size(); }
  int local_rank() const override { return host_.local_rank(); }
  int local_size() const override { return host_.local_size(); }
  void all_reduce_sum(std::span<float> x) override { host_.all_reduce_sum(x); }
  void all_reduce_sum(std::span<double> x) override { host_.all_reduce_sum(x); }
  void all_reduce_sum(std::span<int64_t> x) override { host_.all_reduce_sum(x); }
  void all_reduce_max(std::span<int64_t> x) override { host_.all_reduce_max(x); }
  void broadcast(std::span<char> x, int from) override { host_.broadcast(x, from); }
  void barrier() override { host_.barrier(); }
  [[noreturn]] void abort(int exit_code) override {
    host_.abort(exit_code);
    std::_Exit(exit_code);
  }
  std::string description() const override {
    return fmt::format("{}, sums over GPUs by {}", host_.description(), collectives_->description());
  }
  Collectives* collectives() override { return collectives_.get(); }

 private:
  Communicator& host_;
  std::unique_ptr<Collectives> collectives_;
};

using Name = std::array<char, 64>;

// The texts of all ranks, in the order of the ranks.
std::vector<std::string> gather(Communicator& comm, const std::string& mine) {
  std::vector<std::string> all;
  for (int r = 0; r < comm.size(); ++r) {
    Name name{};
    if (r == comm.rank()) std::memcpy(name.data(), mine.data(), std::min(mine.size(), name.size() - 1));
    comm.broadcast(name, r);
    all.emplace_back(name.data());
  }
  return all;
}

void check_mapping(const std::vector<std::string>& cards) {
  const int without = int(std::count(cards.begin(), cards.end(), ""));
  const auto none = std::find(cards.begin(), cards.end(), "");
  check(none == cards.end(),
        "{} of {} ranks have no GPU (the first is rank {}): start one rank a GPU, or give --device cpu", without,
        cards.size(), none - cards.begin());
  std::map<std::string, size_t> owner;
  for (size_t r = 0; r < cards.size(); ++r) {
    const auto [it, fresh] = owner.emplace(cards[r], r);
    check(fresh,
          "ranks {} and {} have the same GPU ({}): start one rank a GPU, and let the launcher show each rank its own "
          "(CUDA_VISIBLE_DEVICES) or all of them",
          it->second, r, cards[r]);
  }
}

}  // namespace

std::unique_ptr<Communicator> over_devices(Communicator& host, Backend& backend) {
  if (host.size() == 1) return nullptr;
  const std::vector<std::string> cards = gather(host, backend.device_identity());
  if (std::all_of(cards.begin(), cards.end(), [](const std::string& c) { return c.empty(); })) return nullptr;
  check_mapping(cards);
  const std::vector<std::string> libraries = gather(host, backend.collectives_library());
  if (std::find(libraries.begin(), libraries.end(), "") != libraries.end()) return nullptr;
  for (size_t r = 1; r < libraries.size(); ++r)
    check(libraries[r] == libraries[0], "rank 0 has {} and rank {} has {}: they cannot sum together", libraries[0], r,
          libraries[r]);
  CollectiveId id{};
  if (host.root()) id = backend.new_collective_id();
  host.broadcast(id, 0);
  return std::make_unique<DeviceCommunicator>(host, backend, id);
}

}  // namespace encore
