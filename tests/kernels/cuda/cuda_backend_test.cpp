// The CUDA backend by itself, on the host executor: its memory, copies, events and graphs, its refusals, its checks.
#include "kernels/cuda/cuda_backend.h"

#include <simt/executor.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "kernels/cuda/attention/launches.h"
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class CudaBackendTest : public OpTest {
 protected:
  GuardedTensor& f32(int64_t rows, int64_t cols) { return normal(DType::kF32, rows, cols); }
  // f must be refused with a message that holds every part.
  template <class F>
  void refused(F&& f, std::initializer_list<const char*> parts) {
    const std::string message = refusal(f);
    for (const char* part : parts) EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
  CudaBackend cuda_;
};

TEST_F(CudaBackendTest, SaysWhatItIs) {
  EXPECT_EQ(cuda_.description().find("cuda: "), 0u);
  EXPECT_NE(cuda_.description().find("compute capability "), std::string::npos);
  EXPECT_TRUE(cuda_.native_bf16());
  const size_t before = cuda_.workspace_bytes();
  auto& x = f32(1, 5000);
  auto& result = given(DType::kF64, 1, 1, {0});
  sum_of_squares(cuda_, {.x = x, .result = result});
  EXPECT_GT(cuda_.workspace_bytes(), before);
  cuda_.weights_changed();
  cuda_.fill_zero(x->data, x->bytes());
  expect_same("zeros", x.get(), Values(5000, 0));
}

TEST_F(CudaBackendTest, EventsAreInTheOrderOfTheCalls) {
  void* p = cuda_.allocate(64 << 20);
  const auto before = cuda_.record_event();
  cuda_.fill_zero(p, 64 << 20);
  const auto after = cuda_.record_event();
  EXPECT_GT(cuda_.seconds_between(*before, *after), 0);
  EXPECT_LT(cuda_.seconds_between(*before, *after), 60);
  cuda_.free(p);
}

// With streams that run as late as the waits allow, a copy has arrived after a wait for an event behind it, or for all.
TEST_F(CudaBackendTest, WaitsForEventsAndForEveryCall) {
  const bool before = std::exchange(simt::options().late_streams, true);
  const std::vector<float> values = {1, 2, 3}, zeros(3, 0), untouched(3, 9);
  auto* p = cuda_.allocate(12);
  auto* sent = static_cast<float*>(cuda_.allocate_staging(12));
  auto* fetched = static_cast<float*>(cuda_.allocate_staging(12));
  const auto back = [&] { return std::vector<float>(fetched, fetched + 3); };
  std::copy(values.begin(), values.end(), sent);
  std::copy(untouched.begin(), untouched.end(), fetched);
  cuda_.copy_to_device_async(p, sent, 12);
  cuda_.copy_to_host_async(fetched, p, 12);
  const auto behind = cuda_.record_event();
  EXPECT_EQ(back(), untouched);
  cuda_.synchronize(*behind);
  EXPECT_EQ(back(), values);
  cuda_.fill_zero(p, 12);
  cuda_.copy_to_host_async(fetched, p, 12);
  EXPECT_EQ(back(), values);
  cuda_.synchronize();
  EXPECT_EQ(back(), zeros);
  for (void* staging : {sent, fetched}) cuda_.free_staging(staging);
  cuda_.free(p);
  simt::options().late_streams = before;
}

TEST_F(CudaBackendTest, MemoryIsZeroAndCopied) {
  const std::vector<float> values = {1, 2, 3};
  void* p = cuda_.allocate(12);
  std::vector<float> back(3, 9);
  cuda_.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, std::vector<float>(3, 0));
  cuda_.copy_to_device(p, values.data(), 12);
  cuda_.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, values);
  void* q = cuda_.allocate(12);
  cuda_.copy_on_device(q, p, 12);
  cuda_.copy_to_host(back.data(), q, 12);
  EXPECT_EQ(back, values);
  cuda_.free(q);
  cuda_.fill_zero(p, 12);
  cuda_.copy_to_host(back.data(), p, 12);
  EXPECT_EQ(back, std::vector<float>(3, 0));
  cuda_.free(p);
  EXPECT_GT(cuda_.workspace_bytes(), 0u) << "matrix products have room of their own";
}

TEST_F(CudaBackendTest, FailuresOfTheDeviceAreNamed) {
  const auto code_of = [](auto&& f) {
    try {
      f();
    } catch (const DeviceError& e) {
      return std::pair(e.exit_code(), std::string(e.what()));
    }
    return std::pair(0, std::string());
  };
  const auto [code, text] = code_of([&] { cuda_.allocate(size_t(1) << 60); });
  EXPECT_EQ(code, 70);
  EXPECT_NE(text.find(std::to_string(size_t(1) << 60)), std::string::npos) << text;
  EXPECT_EQ(code_of([] { check_cuda(cudaErrorInvalidValue, "some_op"); }).second.find("some_op: "), 0u);
  int on_host = 0;
  EXPECT_EQ(code_of([&] { cuda_.free(&on_host); }).second.find("free: "), 0u);
  EXPECT_NE(refusal([] { CudaBackend other(1000); }).find("no GPU number 1000"), std::string::npos);
}

TEST_F(CudaBackendTest, RefusesShapesThatItsKernelsDoNotSupport) {
  auto &wide = f32(1, 8200), &vector = f32(1, 8200), &one = f32(1, 1), &sum = f32(1, 8200), &y = f32(1, 8200);
  refused(
      [&] {
        layernorm_forward(cuda_,
                          {.x = wide, .gamma = vector, .beta = vector, .sum = sum, .y = y, .mean = one, .rstd = one});
      },
      {"layernorm_forward: x fp32 [1, 8200]", "8192"});
  refused(
      [&] {
        layernorm_backward(cuda_, {.dy = wide,
                                   .sum = sum,
                                   .gamma = vector,
                                   .mean = one,
                                   .rstd = one,
                                   .dsum = y,
                                   .dgamma = vector,
                                   .dbeta = vector});
      },
      {"layernorm_backward: dy fp32 [1, 8200]", "8192"});
  auto& ids = given(DType::kI32, 1, 1, {0});
  EmbeddingForward f{.ids = ids,
                     .position_ids = ids,
                     .word = wide,
                     .position = wide,
                     .type = wide,
                     .gamma = vector,
                     .beta = vector,
                     .y = y,
                     .mean = one,
                     .rstd = one};
  refused([&] { embedding_forward(cuda_, f); }, {"embedding_forward: y fp32 [1, 8200]", "8192"});
  const RowSegments segments{ids, given(DType::kI32, 1, 2, {0, 1}), ids};
  EmbeddingBackward b{.dy = y,
                      .forward = f,
                      .word_segments = segments,
                      .position_segments = segments,
                      .dword = wide,
                      .dposition = wide,
                      .dtype = wide,
                      .dgamma = vector,
                      .dbeta = vector};
  refused([&] { embedding_backward(cuda_, b); }, {"embedding_backward: dy fp32 [1, 8200]", "4096"});
  auto &narrow = f32(1, 8), &types = f32(3, 8), &dtypes = f32(3, 8), &dy = f32(1, 8);
  b.dy = dy, b.forward.word = b.forward.position = b.forward.gamma = b.forward.beta = narrow, b.forward.type = types;
  b.dword = b.dposition = b.dgamma = b.dbeta = narrow, b.dtype = dtypes;
  refused([&] { embedding_backward(cuda_, b); }, {"embedding_backward: type fp32 [3, 8]", "2 rows"});
  // Shapes without memory: nothing of this size is touched.
  const Tensor huge(narrow->data, DType::kF32, int64_t(1) << 33, 8);
  Tensor apart = huge;
  apart.data = static_cast<char*>(huge.data) + (int64_t(1) << 40);
  refused([&] { cast(cuda_, {.x = huge, .y = apart}); }, {"cast: fp32 [8589934592, 8]", "one call"});
  const Tensor row(narrow->data, DType::kF32, 1, int64_t(1) << 30);
  refused(
      [&] {
        cross_entropy(cuda_, {.logits = row,
                              .classes = 5,
                              .labels = ids,
                              .grad_scale = one,
                              .row_loss = one,
                              .loss_sum = given(DType::kF64, 1, 1, {0})});
      },
      {"cross_entropy: logits fp32 [1, 1073741824]"});
}

TEST_F(CudaBackendTest, AttentionRequires16ByteAlignment) {
  auto &q = normal(DType::kBF16, 9, 64), &out = normal(DType::kBF16, 9, 64), &lse = f32(1, 9);
  AttentionForward a{.q = q, .k = q, .v = q, .out = out, .lse = lse, .shape = {.heads = 1, .head_size = 64}};
  a.shape.scale = 0.1f, a.shape.cu_seqlens = given(DType::kI32, 1, 2, {0, 9});
  attention_forward(cuda_, a);
  auto& odd = normal(DType::kBF16, 9, 64, 1, 0, 4);
  a.k = odd;
  refused([&] { attention_forward(cuda_, a); }, {"attention_forward: k bf16 [9, 64]", "16 bytes", "68 elements apart"});
  auto& shifted = normal(DType::kBF16, 9, 72);
  a.k = shifted->col_range(4, 64);
  refused([&] { attention_forward(cuda_, a); }, {"attention_forward: k bf16 [9, 64]", "16 bytes"});
}

TEST_F(CudaBackendTest, LaunchersRefuseOtherHeadSizes) {
  cuda::AttentionArguments a{};
  a.head_size = 40;
  for (const auto launcher : {cuda::attention_forward_bf16, cuda::attention_backward_bf16, cuda::attention_forward_f32,
                              cuda::attention_backward_f32})
    EXPECT_EQ(launcher(a, nullptr), cudaErrorInvalidValue);
}

// A captured graph still has its scratch memory after a larger call has allocated another block.
TEST_F(CudaBackendTest, GraphsKeepTheirScratchMemory) {
  CudaBackend b;
  const int64_t small = 64, large = 4096, cols = 256;
  auto* memory = static_cast<float*>(b.allocate(size_t((large + 2) * cols) * sizeof(float)));
  const Tensor dy(memory, DType::kF32, large, cols), sums(memory + large * cols, DType::kF32, 1, cols),
      others(memory + (large + 1) * cols, DType::kF32, 1, cols);
  const std::vector<float> ones(size_t(large * cols), 1);
  b.copy_to_device(memory, ones.data(), ones.size() * sizeof(float));
  const auto add = [&](int64_t rows, const Tensor& to) {
    bias_gradient(b, {.dy = dy.row_range(0, rows), .dbias = to});
  };
  add(small, sums);
  b.begin_capture();
  add(small, sums);
  const std::unique_ptr<StepGraph> recording = b.end_capture();
  add(large, others);
  recording->launch();
  float first = 0;
  b.copy_to_host(&first, sums.data, sizeof first);
  EXPECT_EQ(first, float(2 * small));
  b.free(memory);
}

// Without the checks the same call gives the same result, and no index is checked.
TEST_F(CudaBackendTest, IndexChecksCanBeSwitchedOff) {
  auto &x = f32(5, 8), &y = f32(3, 8), &z = f32(3, 8), &rows = given(DType::kI32, 1, 3, {4, 0, 2});
  gather_rows(cuda_, {.x = x, .rows = rows, .y = y});
  cuda_.set_index_checks(false);
  gather_rows(cuda_, {.x = x, .rows = rows, .y = z});
  expect_same("y", z.get(), y.get());
  cuda_.set_index_checks(true);
  rows.set({4, 5, -1});
  refused([&] { gather_rows(cuda_, {.x = x, .rows = rows, .y = z}); }, {"rows[1] is 5, and there are 5 rows"});
}

TEST_F(CudaBackendTest, BrokenSegmentsAreNamed) {
  auto &ids = given(DType::kI32, 1, 4, {1, 1, 3, 0}), &table = f32(5, 8), &dy = f32(4, 8), &list = f32(1, 4),
       &vector = f32(1, 8), &dtable = f32(5, 8);
  const auto message = [&](const Values& order, const Values& start, const Values& row) {
    const RowSegments good{given(DType::kI32, 1, 4, {3, 0, 1, 2}), given(DType::kI32, 1, 4, {0, 1, 3, 4}),
                           given(DType::kI32, 1, 3, {0, 1, 3})},
        bad{given(DType::kI32, 1, 4, order), given(DType::kI32, 1, 4, start), given(DType::kI32, 1, 3, row)};
    return refusal([&] {
      embedding_backward(cuda_, {.dy = dy,
                                 .forward = {.ids = ids,
                                             .position_ids = ids,
                                             .word = table,
                                             .position = table,
                                             .type = vector,
                                             .gamma = vector,
                                             .beta = vector,
                                             .mean = list,
                                             .rstd = list},
                                 .word_segments = bad,
                                 .position_segments = good,
                                 .dword = dtable,
                                 .dposition = dtable,
                                 .dtype = vector,
                                 .dgamma = vector,
                                 .dbeta = vector});
    });
  };
  EXPECT_EQ(message({3, 0, 1, 2}, {0, 1, 3, 4}, {0, 1, 3}), "");
  EXPECT_NE(message({3, 0, 1, 2}, {0, 3, 1, 4}, {0, 1, 3}).find("word segment 1 of row 1"), std::string::npos);
  EXPECT_NE(message({3, 0, 1, 2}, {0, 1, 3, 4}, {0, 3, 3}).find("word segment 2 of row 3"), std::string::npos);
  EXPECT_NE(message({3, 0, 1, 2}, {0, 1, 3, 4}, {0, 1, 5}).find("word segment 2 of row 5"), std::string::npos);
  EXPECT_NE(message({3, 0, 1, 2}, {0, 1, 3, 3}, {0, 1, 3}).find("span 0 .. 3"), std::string::npos);
  EXPECT_NE(message({3, 0, 9, 2}, {0, 1, 3, 4}, {0, 1, 3}).find("order[2] is 9"), std::string::npos);
}

}  // namespace
}  // namespace encore::test
