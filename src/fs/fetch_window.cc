#include "fs/fetch_window.h"

#include <algorithm>
#include <utility>

namespace datashim::fs {
namespace {

// Where the network has room, twice the requests are nearly twice the bytes;
// rates of a tenth of a second vary by a quarter on a busy machine.
constexpr double kWorthwhile = 1.4;
constexpr auto kTryAgainAfter = std::chrono::seconds(10);

}  // namespace

FetchWindow::FetchWindow(const FetchWindowOptions& options)
    : options_(options),
      bytes_(std::min(options.bytes_min, options.bytes_max)) {}

void FetchWindow::OnFetched(std::uint64_t bytes, MonotonicTime begin,
                            MonotonicTime end) {
  // Small pieces are fetched one by one, at the start of a file: their rate
  // says nothing.
  if (bytes != options_.part_bytes) return;
  if (begin > last_end_ || (!growing_ && end - settled_at_ > kTryAgainAfter)) {
    growing_ = true;
    starting_ = true;
    rate_before_ = 0;
    interval_bytes_ = 0;
    interval_begin_ = begin;
  }
  last_end_ = std::max(last_end_, end);
  interval_bytes_ += bytes;
  // The window twice: what was fetched with it, not what was before.
  if (interval_bytes_ < 2 * bytes_) return;
  const std::chrono::duration<double> elapsed = end - interval_begin_;
  if (elapsed.count() > 0 && growing_ && !std::exchange(starting_, false)) {
    Decide(static_cast<double>(interval_bytes_) / elapsed.count());
    settled_at_ = end;
  }
  interval_begin_ = end;
  interval_bytes_ = 0;
}

void FetchWindow::Decide(double bytes_per_second) {
  if (bytes_per_second < kWorthwhile * rate_before_) {
    bytes_ =
        std::max(bytes_ / 2, std::min(options_.bytes_min, options_.bytes_max));
    growing_ = false;
  } else if (bytes_ == options_.bytes_max) {
    growing_ = false;
  } else {
    rate_before_ = bytes_per_second;
    bytes_ = std::min(bytes_ * 2, options_.bytes_max);
  }
}

}  // namespace datashim::fs
