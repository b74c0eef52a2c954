// WatchParser: turns the bytes of a watch response into events. Knows neither
// connections nor when to reconnect (reflector.h).

#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "kube/object.h"

namespace datashim::kube {

/// What a line of a watch tells.
enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark };

/// One line of a watch.
struct WatchEvent {
  WatchEventType type = WatchEventType::kAdded;
  /// Never null. For kBookmark only metadata.resourceVersion has a meaning.
  std::shared_ptr<Json> object;
};

/// An object is at most 1.5 MiB in etcd; its JSON, with fields for people, may
/// be a little longer than what is stored.
inline constexpr std::size_t kWatchLineBytesMax = 8u << 20;
/// Incremental: feed it what arrives, in pieces of any size. Thread-compatible.
class WatchParser {
 public:
  explicit WatchParser(std::size_t line_bytes_max = kWatchLineBytesMax)
      : line_bytes_max_(line_bytes_max) {}

  /// Parses the complete lines among all bytes so far; appends to `events`.
  /// @return what ended the watch: the code of an ERROR event (kOutOfRange for
  ///     410 Gone), or kDataLoss for a line that is no event or too long. The
  ///     events before it are appended.
  Status Feed(std::string_view bytes, std::vector<WatchEvent>& events);

 private:
  const std::size_t line_bytes_max_;
  std::string partial_;  ///< A line without its end.
};

}  // namespace datashim::kube
