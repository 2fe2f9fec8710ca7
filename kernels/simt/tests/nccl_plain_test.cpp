// The stand-in for NCCL over 2, 4 and 8 processes: sums, and calls that differ between ranks.
#include <nccl.h>
#include <support.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>

namespace simt_test {
namespace {

// Runs body(rank) in one process per rank. A body returns "" when all is well. Returns the other answers.
std::vector<std::string> on_ranks(int ranks, const std::function<std::string(int rank)>& body) {
  std::vector<std::string> wrong;
  std::vector<std::pair<pid_t, int>> children;
  for (int rank = 0; rank < ranks; ++rank) {
    int ends[2];
    if (::pipe(ends) != 0) return {"no pipe"};
    const pid_t child = ::fork();
    if (child == 0) {
      const std::string answer = body(rank);
      const ssize_t written = ::write(ends[1], answer.data(), answer.size());
      std::_Exit(written == ssize_t(answer.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    children.push_back({child, ends[0]});
  }
  for (auto [child, end] : children) {
    std::string answer;
    char part[512];
    for (ssize_t n; (n = ::read(end, part, sizeof part)) > 0;) answer.append(part, size_t(n));
    ::close(end);
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) answer += " [ended badly]";
    if (!answer.empty()) wrong.push_back(answer);
  }
  return wrong;
}

struct Rank {
  ncclComm_t comm = nullptr;
  cudaStream_t stream = nullptr;
  Rank(const ncclUniqueId& id, int rank, int ranks) {
    cudaStreamCreate(&stream);
    if (ncclCommInitRank(&comm, ranks, id, rank) != ncclSuccess) comm = nullptr;
  }
  ~Rank() {
    if (comm) ncclCommDestroy(comm);
  }
  template <class T>
  ncclResult_t sum(std::vector<T>& x, ncclDataType_t type, ncclRedOp_t op = ncclSum) {
    void* device = nullptr;
    cudaMalloc(&device, x.size() * sizeof(T));
    std::memcpy(device, x.data(), x.size() * sizeof(T));
    const ncclResult_t result = ncclAllReduce(device, device, x.size(), type, op, comm, stream);
    std::memcpy(x.data(), device, x.size() * sizeof(T));
    cudaFree(device);
    return result;
  }
};

ncclUniqueId fresh_id() {
  ncclUniqueId id;
  EXPECT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  return id;
}

TEST(Nccl, SumsOfAllTypesOverTwoFourAndEightRanks) {
  for (const int ranks : {2, 4, 8}) {
    const ncclUniqueId id = fresh_id();
    const auto wrong = on_ranks(ranks, [&](int rank) -> std::string {
      Rank r(id, rank, ranks);
      if (!r.comm) return ncclGetLastError(nullptr);
      // Sizes of more than one piece, with a last piece that is not full.
      std::vector<float> a(50'001);
      for (size_t i = 0; i < a.size(); ++i) a[i] = float(rank + 1) * float(i % 1000);
      if (r.sum(a, ncclFloat32) != ncclSuccess) return ncclGetLastError(r.comm);
      const float all = float(ranks * (ranks + 1) / 2);
      for (size_t i = 0; i < a.size(); ++i)
        if (a[i] != all * float(i % 1000)) return "float32 sum is wrong at " + std::to_string(i);
      std::vector<double> b{double(rank), 0.5};
      if (r.sum(b, ncclFloat64) != ncclSuccess || b[0] != ranks * (ranks - 1) / 2 || b[1] != 0.5 * ranks)
        return "float64 sum is wrong";
      std::vector<int64_t> c{rank, -rank};
      if (r.sum(c, ncclInt64, ncclMax) != ncclSuccess || c[0] != ranks - 1 || c[1] != 0) return "int64 max is wrong";
      std::vector<unsigned short> d{simt_float_to_bf16(float(rank)), simt_float_to_bf16(1)};
      if (r.sum(d, ncclBfloat16) != ncclSuccess || simt_bf16_to_float(d[1]) != float(ranks)) return "bf16 sum is wrong";
      if (simt::nccl_calls(r.comm).size() != 4 || simt::nccl_calls(r.comm)[0] != "AllReduce sum of 50001 float32")
        return "the record is wrong";
      return "";
    });
    EXPECT_EQ(wrong, std::vector<std::string>{});
  }
}

TEST(Nccl, CallsThatDifferAreNamedOnEveryRank) {
  struct Case {
    size_t count;
    ncclDataType_t type;
    const char* words;
  };
  for (const Case& other :
       {Case{7, ncclFloat32, "AllReduce sum of 7 float32"}, Case{8, ncclInt64, "AllReduce sum of 8 int64"}}) {
    const ncclUniqueId id = fresh_id();
    const auto said = on_ranks(4, [&](int rank) -> std::string {
      Rank r(id, rank, 4);
      std::vector<int64_t> x(8);
      if (r.sum(x, ncclFloat64) != ncclSuccess) return "the first call agrees";
      std::vector<int64_t> y(rank == 2 ? other.count : 8);
      const ncclResult_t result = r.sum(y, rank == 2 ? other.type : ncclFloat32);
      return result == ncclInvalidUsage ? ncclGetLastError(r.comm) : "no error";
    });
    ASSERT_EQ(said.size(), 4u);
    for (const std::string& s : said)
      EXPECT_EQ(s, std::string("call 2 differs: rank 0 makes AllReduce sum of 8 float32, rank 2 makes ") + other.words);
  }
}

TEST(Nccl, ARankThatDoesNotComeIsNamed) {
  ::setenv("SIMT_NCCL_SECONDS", "0.3", 1);
  const ncclUniqueId id = fresh_id();
  const auto said = on_ranks(2, [&](int rank) -> std::string {
    Rank r(id, rank, 2);
    if (rank == 1) return "";
    std::vector<float> x(3);
    return r.sum(x, ncclFloat32) == ncclInvalidUsage ? ncclGetLastError(r.comm) : "no error";
  });
  ASSERT_EQ(said.size(), 1u);
  EXPECT_EQ(said[0], "not all ranks came to call 1 (AllReduce sum of 3 float32): rank 1 has made 0 calls of 1;");
  const ncclUniqueId lonely = fresh_id();
  const auto alone = on_ranks(1, [&](int) -> std::string {
    Rank r(lonely, 0, 2);
    return r.comm ? "joined alone" : ncclGetLastError(nullptr);
  });
  ::unsetenv("SIMT_NCCL_SECONDS");
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(alone[0], "not all ranks came to the beginning: 1 of 2 have joined");
}

TEST(Nccl, RefusesWhatItCannotReach) {
  const ncclUniqueId id = fresh_id();
  Rank r(id, 0, 1);
  ASSERT_NE(r.comm, nullptr);
  float host[4] = {};
  EXPECT_EQ(ncclAllReduce(host, host, 4, ncclFloat32, ncclSum, r.comm, r.stream), ncclInvalidArgument);
  EXPECT_STREQ(ncclGetLastError(r.comm), "AllReduce of what is not device memory");
  ncclComm_t none = nullptr;
  EXPECT_EQ(ncclCommInitRank(&none, 2, id, 2), ncclInvalidArgument);
  EXPECT_EQ(ncclCommInitRank(&none, 1, id, 0), ncclSystemError) << "the name is gone once all ranks have come";
}

}  // namespace
}  // namespace simt_test
