// The checks in front of every op: each refusal is one line that names the tensor, its shape and the shape wanted, and
// no backend method is reached.
#include "tests/support/op_test.h"

namespace encore::test {
namespace {

class OpChecks : public OpTest {
 protected:
  // Expects that f is refused with a message that holds every part.
  template <class F>
  void refused(F&& f, std::initializer_list<const char*> parts) {
    const std::string message = refusal(f);
    EXPECT_NE(message, "") << "accepted";
    EXPECT_EQ(message.find('\n'), std::string::npos);
    for (const char* part : parts) EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
  GuardedTensor& f32(int64_t rows, int64_t cols) {
    GuardedTensor& t = make(DType::kF32, rows, cols);
    t.fill(1);
    return t;
  }
  GuardedTensor& i32(int64_t n, double value = 0) {
    GuardedTensor& t = make(DType::kI32, 1, n);
    t.fill(value);
    return t;
  }
};

TEST_F(OpChecks, LayerNormForward) {
  const LayerNormForward good{.x = f32(3, 8),
                              .gamma = f32(1, 8),
                              .beta = f32(1, 8),
                              .sum = f32(3, 8),
                              .y = f32(3, 8),
                              .mean = f32(1, 3),
                              .rstd = f32(1, 3)};
  layernorm_forward(backend(), good);
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    LayerNormForward a = good;
    change(a);
    refused([&] { layernorm_forward(backend(), a); }, parts);
  };
  refuse([](auto& a) { a.gamma.cols = 7; }, {"layernorm_forward", "gamma is fp32 [1, 7], not fp32 [1, 8]"});
  refuse([](auto& a) { a.beta = {}; }, {"beta is missing"});
  refuse([](auto& a) { a.y.dtype = DType::kBF16; }, {"y is bf16 [3, 8], not fp32 [3, 8]"});
  refuse([](auto& a) { a.x.dtype = DType::kI32; }, {"x is i32 [3, 8], not fp32 or bf16"});
  refuse([&](auto& a) { a.residual = f32(2, 8); }, {"residual is fp32 [2, 8], not fp32 [3, 8]"});
  refuse([&](auto& a) { a.bias = f32(2, 8); }, {"bias is fp32 [2, 8], not fp32 [1, 8]"});
  refuse([](auto& a) { a.rstd.cols = 2; }, {"rstd is fp32 [1, 2], not fp32 [1, 3]"});
  refuse([](auto& a) { a.y = a.sum; }, {"y", "shares memory with sum"});
  refuse([](auto& a) { a.sum.data = a.x.template ptr<float>() + 4; }, {"sum", "shares memory with x"});
  refuse([](auto& a) { a.eps = 0; }, {"eps is 0"});
  refuse([](auto& a) { a.x.ld = 4; }, {"x fp32 [3, 8] has rows only 4 elements apart"});
  refuse([](auto& a) { a.x.data = static_cast<char*>(a.x.data) + 2; }, {"x fp32 [3, 8] starts at", "multiple of 4"});
}

TEST_F(OpChecks, Dropout) {
  auto &x = f32(4, 16), &wide = f32(1, 40000);
  RowDropout good{.p = 0.1f, .rows = {i32(4), i32(4), make(DType::kU64, 1, 2)}};
  const auto refuse = [&](const Tensor& t, auto change, std::initializer_list<const char*> parts) {
    RowDropout d = good;
    change(d);
    refused([&] { dropout_apply(backend(), {.x = t, .y = t, .dropout = d}); }, parts);
  };
  dropout_apply(backend(), {.x = x, .y = x, .dropout = good});
  for (const float p : {-0.1f, 1.0f, NAN}) refuse(x, [&](auto& d) { d.p = p; }, {"p is", "not in [0, 1)"});
  refuse(x, [](auto& d) { d.p = 0.999999f; }, {"drops every element"});
  refuse(x, [](auto& d) { d.rows = {}; }, {"sequence is missing"});
  refuse(x, [&](auto& d) { d.rows.position = i32(3); }, {"position is i32 [1, 3], not i32 [1, 4]"});
  refuse(x, [](auto& d) { d.rows.example_keys.cols = 0; }, {"no example key"});
  refuse(x, [&](auto& d) { d.rows.sequence = i32(4, 2); }, {"row 0 is of sequence 2", "2 example keys"});
  good.rows.sequence.cols = good.rows.position.cols = 1;
  refuse(wide, [](auto&) {}, {"40000 columns"});
}

TEST_F(OpChecks, LayerNormBackward) {
  const LayerNormBackward good{.dy = f32(3, 8),
                               .sum = f32(3, 8),
                               .gamma = f32(1, 8),
                               .mean = f32(1, 3),
                               .rstd = f32(1, 3),
                               .dsum = f32(3, 8),
                               .dgamma = f32(1, 8),
                               .dbeta = f32(1, 8)};
  layernorm_backward(backend(), good);
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    LayerNormBackward a = good;
    change(a);
    refused([&] { layernorm_backward(backend(), a); }, parts);
  };
  refuse([](auto& a) { a.dsum = {}; }, {"dsum is missing"});
  refuse([](auto& a) { a.dgamma.cols = 9; }, {"dgamma is fp32 [1, 9], not fp32 [1, 8]"});
  refuse([](auto& a) { a.dsum = a.sum; }, {"dsum", "shares memory with sum"});
  refuse([&](auto& a) { a.dx = f32(3, 7); }, {"dx is fp32 [3, 7], not fp32 [3, 8]"});
  refuse([&](auto& a) { a.dbias = f32(3, 8); }, {"dbias is fp32 [3, 8], not fp32 [1, 8]"});
}

TEST_F(OpChecks, GeluAndTanh) {
  auto &x = f32(2, 5), &y = f32(2, 5), &bias = f32(1, 4);
  refused([&] { gelu_forward(backend(), {.x = x, .y = x}); }, {"gelu_forward", "y fp32 [2, 5] shares memory with x"});
  refused([&] { gelu_forward(backend(), {.x = x, .bias = bias, .y = y}); }, {"bias is fp32 [1, 4], not fp32 [1, 5]"});
  refused([&] { gelu_backward(backend(), {.dy = y, .x = x, .dx = x}); }, {"dx", "shares memory with x"});
  refused([&] { tanh_forward(backend(), {.x = x, .y = f32(2, 4)}); }, {"y is fp32 [2, 4], not fp32 [2, 5]"});
  refused([&] { tanh_backward(backend(), {.dy = x, .y = y, .dx = y}); }, {"dx", "shares memory with y"});
}

TEST_F(OpChecks, CrossEntropy) {
  const CrossEntropy good{.logits = f32(2, 8),
                          .classes = 6,
                          .labels = i32(2),
                          .grad_scale = f32(1, 1),
                          .row_loss = f32(1, 2),
                          .loss_sum = make(DType::kF64, 1, 1)};
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    CrossEntropy a = good;
    change(a);
    refused([&] { cross_entropy(backend(), a); }, parts);
  };
  refuse([](auto& a) { a.classes = 9; }, {"9 classes do not fit logits fp32 [2, 8]"});
  refuse([](auto& a) { a.labels.cols = 3; }, {"labels is i32 [1, 3], not i32 [1, 2]"});
  refuse([&](auto& a) { a.bias = f32(1, 8); }, {"bias is fp32 [1, 8], not fp32 [1, 6]"});
  refuse([&](auto& a) { a.loss_sum = f32(1, 1); }, {"loss_sum is fp32 [1, 1], not fp64 [1, 1]"});
  refuse([](auto& a) { a.grad_scale = {}; }, {"grad_scale is missing"});
  refuse([&](auto& a) { a.dbias = f32(1, 6), a.loss_only = true; }, {"loss_only", "dbias"});
}

TEST_F(OpChecks, Matmul) {
  auto &x = f32(3, 4), &w = f32(5, 4), &y = f32(3, 5);
  refused([&] { linear_forward(backend(), {.x = x, .w = f32(5, 3), .y = y}); },
          {"w is fp32 [5, 3], not fp32 [any, 4]"});
  refused([&] { linear_forward(backend(), {.x = x, .w = w, .bias = f32(1, 4), .y = y}); },
          {"bias is fp32 [1, 4], not fp32 [1, 5]"});
  refused([&] { linear_forward(backend(), {.x = x, .w = w, .y = f32(3, 4)}); }, {"y is fp32 [3, 4], not fp32 [3, 5]"});
  refused([&] { linear_backward_input(backend(), {.dy = y, .w = w, .dx = y}); },
          {"dx is fp32 [3, 5], not fp32 [3, 4]"});
  refused([&] { linear_backward_weight(backend(), {.dy = y, .x = x, .dw = make(DType::kBF16, 5, 4)}); },
          {"dw is bf16 [5, 4], not fp32 [5, 4]"});
}

TEST_F(OpChecks, Attention) {
  auto &q = f32(4, 64), &cu = given(DType::kI32, 1, 2, {0, 4});
  AttentionForward good{.q = q,
                        .k = f32(4, 64),
                        .v = f32(4, 64),
                        .out = f32(4, 64),
                        .lse = f32(2, 4),
                        .shape = {.heads = 2, .head_size = 32, .scale = 0.2f, .cu_seqlens = cu}};
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    AttentionForward a = good;
    change(a);
    refused([&] { attention_forward(backend(), a); }, parts);
  };
  refuse([](auto& a) { a.shape.head_size = 40; }, {"head size of 40 is not served"});
  refuse([](auto& a) { a.shape.heads = 3; }, {"64 columns, not 3 heads of 32"});
  refuse([&](auto& a) { a.k = f32(5, 64); }, {"v is fp32 [4, 64], not fp32 [5, 64]"});
  refuse([&](auto& a) { a.lse = f32(2, 5); }, {"lse is fp32 [2, 5], not fp32 [2, 4]"});
  refuse([](auto& a) { a.dropout.p = 0.1f; }, {"dropout.example_keys is missing"});
  refuse([](auto& a) { a.dropout.p = 0.9999f; }, {"drops every probability"});
  refuse([&](auto& a) { a.shape.q_position = i32(4); }, {"cu_seqlens_q and q_position"});
  refuse([&](auto& a) { a.k = f32(5, 64), a.v = f32(5, 64); }, {"4 query rows against 5 keys"});
  refuse([](auto& a) { a.shape.scale = NAN; }, {"scale"});
  refuse([](auto& a) { a.out = a.q; }, {"out", "shares memory with q"});
}

TEST_F(OpChecks, AttentionBackward) {
  const AttentionBackward good{
      .dout = f32(4, 64),
      .q = f32(4, 64),
      .k = f32(4, 64),
      .v = f32(4, 64),
      .out = f32(4, 64),
      .lse = f32(2, 4),
      .dq = f32(4, 64),
      .dk = f32(4, 64),
      .dv = f32(4, 64),
      .shape = {.heads = 2, .head_size = 32, .scale = 0.2f, .cu_seqlens = given(DType::kI32, 1, 2, {0, 4})}};
  attention_backward(backend(), good);
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    AttentionBackward a = good;
    change(a);
    refused([&] { attention_backward(backend(), a); }, parts);
  };
  refuse([](auto& a) { a.dout = {}; }, {"attention_backward", "dout is missing"});
  refuse([&](auto& a) { a.lse = f32(2, 5); }, {"lse is fp32 [2, 5], not fp32 [2, 4]"});
  refuse([](auto& a) { a.dk.rows = 3; }, {"dk is fp32 [3, 64], not fp32 [4, 64]"});
  refuse([](auto& a) { a.dq = a.q; }, {"dq", "shares memory with q"});
  refuse([](auto& a) { a.dv = a.dk; }, {"dk", "shares memory with dv"});
  refuse([](auto& a) { a.dropout.p = 0.1f; }, {"dropout.example_keys is missing"});
}

TEST_F(OpChecks, EmbeddingAndGather) {
  const EmbeddingForward good{.ids = i32(3),
                              .position_ids = i32(3),
                              .word = f32(9, 8),
                              .position = f32(5, 8),
                              .type = f32(1, 8),
                              .gamma = f32(1, 8),
                              .beta = f32(1, 8),
                              .y = f32(3, 8),
                              .mean = f32(1, 3),
                              .rstd = f32(1, 3)};
  embedding_forward(backend(), good);
  EmbeddingForward a = good;
  a.word = f32(9, 7);
  refused([&] { embedding_forward(backend(), a); }, {"word is fp32 [9, 7], not fp32 [any, 8]"});
  a = good;
  a.type = {};
  refused([&] { embedding_forward(backend(), a); }, {"type is missing"});
  EmbeddingBackward b{.dy = f32(3, 8),
                      .forward = good,
                      .dword = f32(9, 8),
                      .dposition = f32(5, 8),
                      .dtype = f32(1, 8),
                      .dgamma = f32(1, 8),
                      .dbeta = f32(1, 8)};
  refused([&] { embedding_backward(backend(), b); }, {"word_segments.order is missing"});
  b.word_segments = b.position_segments = {i32(3), given(DType::kI32, 1, 2, {0, 3}), i32(2)};
  refused([&] { embedding_backward(backend(), b); }, {"word_segments.start is i32 [1, 2], not i32 [1, 3]"});
  refused([&] { gather_rows(backend(), {.x = f32(3, 8), .rows = i32(2), .y = f32(1, 8)}); },
          {"rows is i32 [1, 2], not i32 [1, 1]"});
  refused([&] { scatter_rows(backend(), {.dy = f32(3, 8), .rows = i32(3), .dx = f32(2, 8)}); }, {"more rows than dx"});
}

TEST_F(OpChecks, RangesAndReductions) {
  auto &w = f32(1, 10), &scalars = f32(1, 4);
  AdamW good{.w = w, .m = f32(1, 10), .v = f32(1, 10), .gradient = f32(1, 10), .scalars = scalars};
  AdamW a = good;
  a.m = f32(1, 9);
  refused([&] { adamw(backend(), a); }, {"m is fp32 [1, 9], not fp32 [1, 10]"});
  a = good;
  a.shadow = w;
  refused([&] { adamw(backend(), a); }, {"shadow is fp32 [1, 10], not bf16 [1, 10]"});
  a = good;
  a.beta2 = 1;
  refused([&] { adamw(backend(), a); }, {"betas 0.9 and 1"});
  a = good;
  a.squares = f32(1, 1);
  refused([&] { adamw(backend(), a); }, {"squares is fp32 [1, 1], not fp64"});
  a.squares = make(DType::kF64, 1, 1);
  refused([&] { adamw(backend(), a); }, {"max_norm is 0"});
  refused([&] { sum_of_squares(backend(), {.x = w, .result = f32(1, 1)}); }, {"result is fp32 [1, 1], not fp64"});
  refused([&] { bias_gradient(backend(), {.dy = w, .dbias = f32(1, 9)}); }, {"dbias is fp32 [1, 9], not fp32 [1, 10]"});
  refused([&] { cast(backend(), {.x = w, .y = make(DType::kF16, 1, 10)}); }, {"y is fp16 [1, 10]"});
  refused([&] { cast(backend(), {.x = w, .y = f32(2, 5)}); }, {"y is fp32 [2, 5]"});
}

TEST_F(OpChecks, Relu) {
  auto& x = f32(3, 8);
  refused([&] { relu_forward(backend(), {.x = x, .y = f32(3, 7)}); }, {"relu_forward", "y is fp32 [3, 7]"});
  refused([&] { relu_backward(backend(), {.dy = x, .y = f32(3, 8), .dx = f32(2, 8)}); }, {"dx is fp32 [2, 8]"});
  refused([&] { relu_backward(backend(), {.dy = f32(3, 8), .y = x, .dx = x}); }, {"dx", "shares memory with y"});
}

TEST_F(OpChecks, Bags) {
  const Bags bags{.row_start = i32(3), .column = i32(0), .value = f32(1, 0)};
  const BagsByWord by_word{.word_start = i32(10), .document = i32(0), .value = f32(1, 0)};
  const BagLinearForward linear{.bags = bags, .w = f32(9, 8), .bias = f32(1, 8), .y = f32(2, 8)};
  bag_linear_forward(backend(), linear);
  BagLinearForward f = linear;
  f.y = f32(3, 8);
  refused([&] { bag_linear_forward(backend(), f); }, {"row_start is i32 [1, 3], not i32 [1, 4]"});
  f = linear;
  f.w = f32(9, 7);
  refused([&] { bag_linear_forward(backend(), f); }, {"w is fp32 [9, 7], not fp32 [any, 8]"});
  f = linear;
  f.bags.value = f32(1, 1);
  refused([&] { bag_linear_forward(backend(), f); }, {"value is fp32 [1, 1], not fp32 [1, 0]"});
  BagLinearBackward b{.bags = by_word, .dy = f32(2, 8), .dw = f32(8, 8)};
  refused([&] { bag_linear_backward(backend(), b); }, {"word_start is i32 [1, 10], not i32 [1, 9]"});
  BagLikelihood good{.reconstruction = f32(9, 2),
                     .background = f32(1, 9),
                     .bias = f32(1, 9),
                     .running_mean = f32(1, 9),
                     .running_variance = f32(1, 9),
                     .bags = bags,
                     .by_word = by_word,
                     .log_likelihood = f32(1, 2),
                     .dbias = f32(1, 9),
                     .training = true};
  bag_likelihood(backend(), good);
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    BagLikelihood a = good;
    change(a);
    refused([&] { bag_likelihood(backend(), a); }, parts);
  };
  refuse([&](auto& a) { a.bias = f32(1, 8); }, {"bias is fp32 [1, 8], not fp32 [1, 9]"});
  refuse([](auto& a) { a.dbias = {}; }, {"dbias is missing"});
  refuse([](auto& a) { a.by_word = {}; }, {"word_start is missing"});
  refuse([&](auto& a) { a.by_word.document = i32(1), a.by_word.value = f32(1, 1); }, {"1 entries by word, and 0"});
  refuse([&](auto& a) { a.likelihood.sum = f32(1, 1); }, {"sum is fp32 [1, 1], not fp64"});
}

TEST_F(OpChecks, LogisticNormal) {
  const LogisticNormalForward good{.mean = f32(2, 8),
                                   .log_variance = f32(2, 8),
                                   .theta = f32(2, 8),
                                   .negative_kld = f32(1, 2),
                                   .draws = {.dropout = 0.5f, .document_keys = make(DType::kU64, 1, 2)}};
  const auto refuse = [&](auto change, std::initializer_list<const char*> parts) {
    LogisticNormalForward a = good;
    change(a);
    refused([&] { logistic_normal_forward(backend(), a); }, parts);
  };
  refuse([&](auto& a) { a.theta = f32(2, 7); }, {"theta is fp32 [2, 7], not fp32 [2, 8]"});
  refuse([](auto& a) { a.theta = a.mean; }, {"theta", "shares memory with mean"});
  refuse([](auto& a) { a.kl_clamp = -1; }, {"kl_clamp is -1"});
  refuse([](auto& a) { a.draws.dropout = 1; }, {"dropout is 1, not in [0, 1)"});
  refuse([](auto& a) { a.draws.dropout = 0.999999f; }, {"drops every element"});
  refuse([&](auto& a) { a.draws.document_keys = {}, a.draws.noise = f32(2, 8); }, {"document_keys is missing"});
  LogisticNormalBackward b{.forward = good, .dtheta = f32(2, 8), .dmean = f32(2, 8), .dlog_variance = f32(2, 7)};
  refused([&] { logistic_normal_backward(backend(), b); }, {"dlog_variance is fp32 [2, 7], not fp32 [2, 8]"});
  b.dlog_variance = f32(2, 8);
  b.forward.sample = false;
  refused([&] { logistic_normal_backward(backend(), b); }, {"evaluation has no backward pass"});
}

// Column ranges of one matrix interleave in memory without sharing an element, so they do not count as overlapping.
TEST_F(OpChecks, ColumnRangesAreApart) {
  auto& both = f32(6, 20);
  gelu_forward(backend(), {.x = both->col_range(0, 10), .y = both->col_range(10, 10)});
  refused([&] { gelu_forward(backend(), {.x = both->col_range(0, 11), .y = both->col_range(9, 11)}); },
          {"shares memory"});
}

}  // namespace
}  // namespace encore::test
