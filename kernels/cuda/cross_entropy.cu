#include "kernels/cuda/cross_entropy_cluster.cuh"
#include "kernels/cuda/cross_entropy_rows.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

constexpr int64_t kFewColumns = 4096;

// In what a row lies while it is worked on. For the loss to be the same bits with and without gradients, this hangs on
// nothing else.
enum class Held { kInBlock, kInCluster, kNot };

// The smallest cluster that has room for enough rows, or else the largest.
cuda::ClusterShape shape_of_cluster(int64_t cols, size_t shared_limit) {
  constexpr int kEnough = 4;
  const int64_t limit = int64_t(shared_limit) - int64_t(sizeof(cuda::CrossEntropyClusterShared));
  cuda::ClusterShape shape{0, 0, 1};
  for (;; shape.blocks *= 2) {
    const int64_t share = cuda::div_up(cuda::div_up(cols, int64_t(shape.blocks)), int64_t(cuda::kUnit)) * cuda::kUnit;
    shape.share = int(share);
    const int64_t stages = (limit - int64_t(shape.bias_bytes())) / int64_t(shape.row_bytes());
    const bool fits = share <= cuda::kBlockColumns;
    shape.stages = fits ? int(std::clamp<int64_t>(stages, 0, cuda::kMostStages)) : 0;
    if (shape.stages >= kEnough || shape.blocks == cuda::kMostBlocks) return shape;
  }
}

LaunchShape launch_shape(unsigned clusters, const cuda::ClusterShape& s) {
  return {clusters * s.blocks, cuda::kClusterThreads, s.smem(), s.blocks};
}

Held held(const Tensor& logits, bool hopper, const cuda::ClusterShape& cluster) {
  if (logits.cols <= kFewColumns) return Held::kInBlock;
  const bool whole = logits.cols % cuda::kUnit == 0 && cuda::rows_of<__nv_bfloat16>(logits).wide;
  const bool fits = hopper && cluster.stages >= 2;
  return logits.dtype == DType::kBF16 && whole && fits ? Held::kInCluster : Held::kNot;
}

// How many clusters the device has at a time. All of them lie in one GPC each, so that some multiprocessors may be
// left.
int64_t clusters_at_a_time(const cuda::ClusterShape& cluster) {
  int count = 0;
  check_cuda(resident_clusters(&count, launch_shape(1, cluster), cuda::cross_entropy_cluster_kernel<true>),
             "cross_entropy");
  return std::max(count, 1);
}

// clusters: that the device has at a time, of rows that lie in them.
cuda::RowParts parts_of(const Tensor& logits, Held held, int64_t clusters) {
  if (held == Held::kNot) return {logits.rows, 64, 256};
  if (held == Held::kInBlock) return {logits.rows, 16, 528};
  return {logits.rows, 4, std::max(clusters, cuda::div_up(logits.rows, int64_t(cuda::kMostRows)))};
}

template <class T>
cudaError_t run_held(cudaStream_t stream, const cuda::CrossEntropyArgs<T>& args, unsigned parts, Held held,
                     const cuda::ClusterShape& cluster) {
  if (held == Held::kInBlock) return launch(stream, {parts, 128}, cuda::cross_entropy_rows_kernel<T, 128, 4>, args);
  if constexpr (sizeof(T) == 2) {
    const LaunchShape shape = launch_shape(parts, cluster);
    return args.gradient ? launch(stream, shape, cuda::cross_entropy_cluster_kernel<true>, args, cluster)
                         : launch(stream, shape, cuda::cross_entropy_cluster_kernel<false>, args, cluster);
  }
  return cudaErrorInvalidValue;
}

// A block a row; without dbias it writes the gradient too.
constexpr int kThreads = 512;
template <class T>
cudaError_t run_wide(cudaStream_t stream, cuda::CrossEntropyArgs<T> args, size_t limit) {
  const size_t row = size_t(cuda::div_up(args.cols, cuda::kUnit) * cuda::kUnit) * sizeof(T), reserve = 1024;
  args.gradient = args.gradient && !args.parts;
  const LaunchShape shape{cuda::grid_size(args.rows), kThreads, row + reserve <= limit ? row : 0};
  return shape.smem ? launch(stream, shape, cuda::cross_entropy_kernel<T, kThreads, true>, args)
                    : launch(stream, shape, cuda::cross_entropy_kernel<T, kThreads, false>, args);
}

}  // namespace

void CudaBackend::cross_entropy(const CrossEntropy& a) {
  constexpr const char* op = "cross_entropy";
  const int64_t rows = a.logits.rows, cols = a.logits.cols;
  check(cols < int64_t(1) << 30, "{}: logits {} have more columns than the CUDA backend serves", op, a.logits.str());
  check_live(op, a.live, rows);
  const Outside bad = first_outside(op, a.labels, INT32_MIN, a.classes, a.live);
  check(bad.index < 0, "{}: label {} of row {} is not below {} classes", op, bad.value, bad.index, a.classes);
  const cuda::ClusterShape cluster = shape_of_cluster(cols, shared_limit_);
  const Held held = encore::held(a.logits, hopper_, cluster);
  int64_t& clusters = loss_clusters_[cols];
  if (held == Held::kInCluster && clusters == 0) clusters = clusters_at_a_time(cluster);
  const cuda::RowParts blocks = parts_of(a.logits, held, clusters);
  const bool summed = a.dbias && !a.loss_only;
  const int64_t parts_ld = cuda::div_up(a.classes, int64_t(4)) * 4;
  const size_t of_parts = summed ? (size_t(blocks.count * parts_ld) + 63) / 64 * 64 : 0;
  float* room = static_cast<float*>(scratch((of_parts + size_t(3 * rows)) * sizeof(float)));
  float* per_row = room + of_parts;
  int32_t* correct = reinterpret_cast<int32_t*>(per_row + 2 * rows);
  cuda::dispatch_device(a.logits.dtype, [&]<class T>() {
    const cuda::CrossEntropyArgs<T> args{cuda::rows_of<T>(a.logits),
                                         cuda::rows_of<const float>(a.bias),
                                         a.labels.ptr<int32_t>(),
                                         a.live.ptr<int32_t>(),
                                         a.grad_scale.ptr<float>(),
                                         a.row_loss.ptr<float>(),
                                         per_row,
                                         per_row + rows,
                                         correct,
                                         summed ? room : nullptr,
                                         rows,
                                         cols,
                                         a.classes,
                                         blocks.size,
                                         parts_ld,
                                         !a.loss_only};
    if (held != Held::kNot)
      return check_cuda(run_held(stream_, args, cuda::grid_size(blocks.count), held, cluster), op);
    check_cuda(run_wide(stream_, args, shared_limit_), op);
    if (!summed) return;
    const dim3 grid(cuda::grid_size(cuda::div_up(cols, cuda::kTileColumns)), cuda::grid_size(blocks.count));
    check_cuda(launch(stream_, {grid, cuda::kTileThreads}, cuda::cross_entropy_gradient_kernel<T>, args), op);
  });
  const cuda::CrossEntropySums sums{a.row_loss.ptr<float>(),
                                    correct,
                                    rows,
                                    a.loss_sum.ptr<double>(),
                                    a.correct.ptr<int64_t>(),
                                    room,
                                    blocks.count,
                                    a.classes,
                                    parts_ld,
                                    a.dbias.ptr<float>()};
  const int64_t of_columns = summed ? cuda::div_up(a.classes, int64_t(cuda::kCombineColumns)) : 0;
  const LaunchShape shape{.grid = cuda::grid_size(1 + of_columns), .block = cuda::kCombineThreads, .early = hopper_};
  check_cuda(launch(stream_, shape, cuda::cross_entropy_sums_kernel, sums), op);
}

}  // namespace encore
