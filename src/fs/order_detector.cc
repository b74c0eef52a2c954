#include "fs/order_detector.h"

#include <algorithm>

namespace datashim::fs {
namespace {

// Several threads that share the work, and names in between that are skipped.
constexpr std::size_t kNear = 32;
constexpr std::size_t kUsesMin = 3;
constexpr std::size_t kFirstWindow = 4;

}  // namespace

OrderDetector::Ahead OrderDetector::OnUse(std::size_t index,
                                          std::size_t names_max) {
  const bool near =
      uses_ > 0 && index + kNear >= last_ && index <= last_ + kNear;
  if (!near) *this = OrderDetector();
  ++uses_;
  last_ = std::max(last_, index);
  if (uses_ < kUsesMin) return {};
  window_ = std::min(std::max(window_ * 2, kFirstWindow), names_max);
  const Ahead ahead{std::max(prepared_end_, last_ + 1), last_ + 1 + window_};
  if (ahead.begin >= ahead.end) return {};
  prepared_end_ = ahead.end;
  return ahead;
}

}  // namespace datashim::fs
