// ReadPlanner: decides which ranges of one object to fetch for and ahead of
// its readers. Fetches, blocks and remembers no bytes.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "store/object_store.h"

namespace datashim::fs {

/// Sizes of what is fetched.
struct ReadPlannerOptions {
  /// Objects up to here are fetched whole at the first read.
  std::uint64_t whole_bytes_max = std::uint64_t{1} << 20;
  /// At the first read at the start of an object: the kernel asks for 128 KiB
  /// more than the reader when it reads ahead, and both shall be one GET.
  std::uint64_t first_bytes = (std::uint64_t{1} << 20) + (128 << 10);
  /// The largest piece, and what pieces are aligned to. A power of two.
  std::uint64_t part_bytes = std::uint64_t{8} << 20;
  /// Reads that overtake each other in the kernel's queue, and short seeks
  /// back, still belong to their stream.
  std::uint64_t back_bytes = std::uint64_t{2} << 20;
};

/// What one read leads to.
struct ReadPlan {
  /// Ascending. May overlap what is there already; the read itself may not be
  /// covered, and then exactly the gap is to be fetched.
  std::vector<store::ByteRange> pieces;
  /// A sequential reader is through with this.
  store::ByteRange spent;
  /// Planned for a stream that is given up: no need to fetch it any more.
  store::ByteRange dropped;
  /// What the reader has read in one go, up to here.
  std::uint64_t run_bytes = 0;
};

/// Sans-I/O state machine, per object, not per handle: a reader is told by
/// where it reads. Up to kStreams sequential readers are followed; a stream's
/// window starts at nothing, and grows with every read that continues it, so
/// that a random reader causes one GET of the size of its read.
///
/// Thread-compatible. Invariants:
///  * pieces are within the object, and none is larger than part_bytes (but for
///    whole small objects and first_bytes);
///  * nothing is planned further ahead of a read's end than the window allows.
class ReadPlanner {
 public:
  static constexpr std::size_t kStreams = 4;

  ReadPlanner(std::uint64_t object_bytes, const ReadPlannerOptions& options);

  /// `window_bytes_max`: how far ahead of a reader to fetch at most, now.
  /// REQUIRES: `read` is not empty and within the object.
  ReadPlan OnRead(store::ByteRange read, std::uint64_t window_bytes_max);

 private:
  struct Stream {
    std::uint64_t first = 0;        // Where it started.
    std::uint64_t begin = 0;        // The same, or what is spent to.
    std::uint64_t next = 0;         // Where its reader goes on.
    std::uint64_t planned_end = 0;  // End of the last piece.
    std::uint64_t window = 0;       // 0: nothing is known yet.
    std::uint64_t last_read = 0;    // Tick of its last read.
  };

  Stream* FindStream(std::uint64_t offset);
  Stream& StartStream(store::ByteRange read, ReadPlan& plan);
  void Extend(Stream& stream, ReadPlan& plan) const;

  const std::uint64_t object_bytes_;
  const ReadPlannerOptions options_;
  std::array<std::optional<Stream>, kStreams> streams_;
  std::uint64_t tick_ = 0;
};

}  // namespace datashim::fs
