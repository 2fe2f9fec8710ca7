// Masked softmax cross-entropy over gathered rows (kernels/ops/cross_entropy.h): which kernel has a row, and its
// launch.
//
// A row is read once, stays on chip, and its gradient is written over it; the gradient's column sums for dbias, taken
// before rounding, stay on the multiprocessor that has the columns. Where a row lies meanwhile:
//   - up to 4,096 columns in a block's registers (in_registers.cuh);
//   - bf16 rows of up to 204,800 columns in the shared memory of a cluster of blocks, where the card has clusters
//     (Hopper) and padded rows are whole 16-byte words (in_cluster.cuh);
//   - others one to a block, in its shared memory if they fit; with dbias the gradient is a second kernel over column
//     tiles, which reads the logits again (block_per_row.cuh).
// A last launch adds up losses and column sums (loss_sums.cuh).
#include "kernels/cuda/cross_entropy/block_per_row.cuh"
#include "kernels/cuda/cross_entropy/in_cluster.cuh"
#include "kernels/cuda/cross_entropy/in_registers.cuh"
#include "kernels/cuda/cross_entropy/loss_sums.cuh"
#include "kernels/cuda/launching.h"

namespace encore {
namespace {

constexpr int kRegisterThreads = 128, kRegisterUnits = 4;
constexpr int64_t kRegisterColumns = int64_t(kRegisterThreads) * kRegisterUnits * cuda::kUnit;

// The memory that holds a row. It depends on the logits and the device alone, so that the loss has the same bits with
// and without gradients.
enum class Placement { kRegisters, kCluster, kBlock };

// The smallest cluster that has room for enough rows, or else the largest.
cuda::ClusterShape shape_of_cluster(int64_t cols, size_t shared_limit) {
  // The row whose gradient is written, the rows of the look-ahead, and one on its way.
  constexpr int kEnough = cuda::kLookAhead + 2;
  const int64_t limit = int64_t(shared_limit) - int64_t(sizeof(cuda::ClusterShared));
  cuda::ClusterShape shape{.share = 0, .stages = 0, .blocks = 1};
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
  return {.grid = clusters * s.blocks, .block = cuda::kClusterThreads, .smem = s.smem(), .cluster = s.blocks};
}

Placement placement_of(const Tensor& logits, bool hopper, const cuda::ClusterShape& cluster) {
  if (logits.cols <= kRegisterColumns) return Placement::kRegisters;
  const bool whole = logits.cols % cuda::kUnit == 0 && cuda::rows_of<__nv_bfloat16>(logits).wide;
  const bool fits = hopper && cluster.stages >= 2;
  return logits.dtype == DType::kBF16 && whole && fits ? Placement::kCluster : Placement::kBlock;
}

// How many clusters are resident on the device at a time. A cluster lies in one GPC, so some multiprocessors may be
// left over.
int64_t count_resident_clusters(const cuda::ClusterShape& cluster) {
  int count = 0;
  check_cuda(resident_clusters(&count, launch_shape(1, cluster), cuda::cross_entropy_cluster_kernel<true>),
             "cross_entropy");
  return std::max(count, 1);
}

// clusters: resident at a time, where rows lie in clusters.
cuda::RowParts parts_of(const Tensor& logits, Placement placement, int64_t clusters, int64_t multiprocessors) {
  if (placement == Placement::kBlock) return {logits.rows, 64, 256};
  if (placement == Placement::kRegisters) return {logits.rows, 16, 4 * multiprocessors};
  return {logits.rows, 4, std::max(clusters, cuda::div_up(logits.rows, int64_t(cuda::kMostRows)))};
}

// REQUIRES: kRegisters or kCluster.
template <class T>
cudaError_t run_in_one_pass(cudaStream_t stream, const cuda::CrossEntropyArgs<T>& args, unsigned parts,
                            Placement placement, const cuda::ClusterShape& cluster) {
  if (placement == Placement::kRegisters)
    return launch(stream, {parts, kRegisterThreads},
                  cuda::cross_entropy_rows_kernel<T, kRegisterThreads, kRegisterUnits>, args);
  if constexpr (sizeof(T) == 2) {
    const LaunchShape shape = launch_shape(parts, cluster);
    return args.gradient ? launch(stream, shape, cuda::cross_entropy_cluster_kernel<true>, args, cluster)
                         : launch(stream, shape, cuda::cross_entropy_cluster_kernel<false>, args, cluster);
  }
  return cudaErrorInvalidValue;
}

// A block a row; without dbias its kernel writes the gradient too.
constexpr int kThreads = 512;
template <class T>
cudaError_t run_block_per_row(cudaStream_t stream, cuda::CrossEntropyArgs<T> args, size_t limit) {
  const size_t row = size_t(cuda::div_up(args.cols, cuda::kUnit) * cuda::kUnit) * sizeof(T), reserve = 1024;
  args.gradient = args.gradient && !args.parts;
  const LaunchShape shape{
      .grid = cuda::grid_size(args.rows), .block = kThreads, .smem = row + reserve <= limit ? row : 0};
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
  const Placement placement = placement_of(a.logits, hopper_, cluster);
  int64_t& clusters = loss_clusters_[cols];
  if (placement == Placement::kCluster && clusters == 0) clusters = count_resident_clusters(cluster);
  const cuda::RowParts blocks = parts_of(a.logits, placement, clusters, multiprocessors_);
  const bool summed = a.dbias && !a.loss_only;
  const int64_t parts_ld = cuda::div_up(a.classes, int64_t(4)) * 4;
  const size_t part_floats = summed ? (size_t(blocks.count * parts_ld) + 63) / 64 * 64 : 0;
  float* room = static_cast<float*>(scratch((part_floats + size_t(3 * rows)) * sizeof(float)));
  float* per_row = room + part_floats;
  int32_t* correct = reinterpret_cast<int32_t*>(per_row + 2 * rows);
  cuda::dispatch_device(a.logits.dtype, [&]<class T>() {
    const cuda::CrossEntropyArgs<T> args{.logits = cuda::rows_of<T>(a.logits),
                                         .bias = cuda::rows_of<const float>(a.bias),
                                         .labels = a.labels.ptr<int32_t>(),
                                         .live = a.live.ptr<int32_t>(),
                                         .grad_scale = a.grad_scale.ptr<float>(),
                                         .row_loss = a.row_loss.ptr<float>(),
                                         .row_max = per_row,
                                         .row_rsum = per_row + rows,
                                         .row_correct = correct,
                                         .parts = summed ? room : nullptr,
                                         .rows = rows,
                                         .cols = cols,
                                         .classes = a.classes,
                                         .rows_per_block = blocks.size,
                                         .parts_ld = parts_ld,
                                         .gradient = !a.loss_only};
    if (placement != Placement::kBlock)
      return check_cuda(run_in_one_pass(stream_, args, cuda::grid_size(blocks.count), placement, cluster), op);
    check_cuda(run_block_per_row(stream_, args, shared_limit_), op);
    if (!summed) return;
    const dim3 grid(cuda::grid_size(cuda::div_up(cols, cuda::kTileColumns)), cuda::grid_size(blocks.count));
    check_cuda(launch(stream_, {grid, cuda::kTileThreads}, cuda::cross_entropy_gradient_kernel<T>, args), op);
  });
  const cuda::CrossEntropySums sums{.row_loss = a.row_loss.ptr<float>(),
                                    .row_correct = correct,
                                    .rows = rows,
                                    .loss = a.loss_sum.ptr<double>(),
                                    .correct = a.correct.ptr<int64_t>(),
                                    .parts = room,
                                    .count = blocks.count,
                                    .classes = a.classes,
                                    .parts_ld = parts_ld,
                                    .dbias = a.dbias.ptr<float>()};
  const int64_t column_blocks = summed ? cuda::div_up(a.classes, int64_t(cuda::kCombineColumns)) : 0;
  const LaunchShape shape{.grid = cuda::grid_size(1 + column_blocks), .block = cuda::kCombineThreads, .early = hopper_};
  check_cuda(launch(stream_, shape, cuda::cross_entropy_sums_kernel, sums), op);
}

}  // namespace encore
