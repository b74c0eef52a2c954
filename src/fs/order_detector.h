// OrderDetector: tells whether the names of a directory are used one after the
// other, and which of those that follow are worth preparing. Prepares nothing.

#pragma once

#include <cstddef>

namespace datashim::fs {

/// Thread-compatible.
class OrderDetector {
 public:
  /// Names by their index, [begin, end).
  struct Ahead {
    std::size_t begin = 0;
    std::size_t end = 0;
  };

  /// The name at `index` is used. @return what to prepare now that was not
  ///     before: nothing until three uses were near each other, then twice as
  ///     many names every time, up to `names_max` ahead.
  Ahead OnUse(std::size_t index, std::size_t names_max);

 private:
  std::size_t last_ = 0;  // The furthest use.
  std::size_t uses_ = 0;  // In order so far.
  std::size_t window_ = 0;
  std::size_t prepared_end_ = 0;
};

}  // namespace datashim::fs
