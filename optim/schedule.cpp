#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/base/check.h"

namespace encore {

ScheduleKind parse_schedule(std::string_view name) {
  if (name == "linear") return ScheduleKind::kLinear;
  if (name == "cosine") return ScheduleKind::kCosine;
  if (name == "polynomial") return ScheduleKind::kPolynomial;
  if (name == "constant") return ScheduleKind::kConstant;
  if (name == "wsd" || name == "warmup-stable-decay") return ScheduleKind::kWarmupStableDecay;
  fail("schedule '{}' is none of linear, cosine, polynomial, constant, warmup-stable-decay (wsd)", name);
}

double Schedule::at(int64_t step) const {
  const double s = double(step), total = double(total_steps), warmup = double(warmup_steps);
  if (step < warmup_steps) return lr * s / std::max(1.0, warmup);
  const double span = std::max(1.0, total - warmup);
  const double progress = std::clamp((s - warmup) / span, 0.0, 1.0);
  switch (kind) {
    case ScheduleKind::kLinear: return lr * std::max(0.0, (total - s) / span);
    case ScheduleKind::kCosine: return lr * std::max(0.0, 0.5 * (1 + std::cos(std::numbers::pi * progress)));
    case ScheduleKind::kPolynomial: return (lr - end_lr) * std::pow(1 - progress, power) + end_lr;
    case ScheduleKind::kConstant: return lr;
    case ScheduleKind::kWarmupStableDecay: {
      const double decay = double(decay_steps > 0 ? decay_steps : std::max<int64_t>(1, total_steps / 10));
      const double gone = std::clamp((s - (total - decay)) / decay, 0.0, 1.0);
      return end_lr + (lr - end_lr) * 0.5 * (1 + std::cos(std::numbers::pi * gone));
    }
  }
  return lr;
}

int64_t warmup_steps(double warmup_ratio, int64_t total_steps) {
  return int64_t(std::ceil(warmup_ratio * double(total_steps)));
}

}  // namespace encore
