// The inner types of ReadPath, for its own .cc files only.

#pragma once

#include "fs/read_path.h"

namespace datashim::fs {

/// Guarded by ReadPath::mutex_. Its parts do not overlap.
class ReadFile : public std::enable_shared_from_this<ReadFile> {
 public:
  ReadFile(ObjectVersion version_in, const ReadPlannerOptions& options)
      : version(std::move(version_in)), planner(version.size, options) {}

  std::shared_ptr<cache::CachedObject> ReadableCopy() const {
    return may_read ? copy : nullptr;
  }

  ObjectVersion version;
  std::uint32_t relocations = 0;
  ReadPlanner planner;
  std::map<std::uint64_t, std::shared_ptr<ReadPath::Part>> parts;
  bool closed = false;

  // Whether the local disk shall have a copy.
  enum class Fill {
    kNever,     // There is one, or there cannot be one.
    kPossible,  // Once a reader shows that it wants all of it.
    kWanted,    // In starts_.
    kRunning,   // In fills_.
  };
  Fill fill = Fill::kNever;
  std::shared_ptr<cache::CachedObject> copy;  // Whole, or being filled.
  // These keys have read this version, by HEAD or GET: a copy may be the work
  // of others, who may read more.
  bool may_read = false;
  std::uint64_t fetched_bytes = 0;  // From the store.
  std::uint32_t fill_failures = 0;  // In a row.
};

/// A read that waits for parts.
struct ReadPath::PendingRead {
  std::shared_ptr<ReadFile> file;
  store::ByteRange range;
  ReadDone done;
  std::size_t parts_missing = 0;
  std::uint64_t ticket = 0;  // Its age, among all that share the memory.
  std::list<PendingPtr>::iterator place;  // In pending_.
};

/// A range of an object: queued, then fetched into its buffer, then read.
struct ReadPath::Part {
  enum class State { kAhead, kDemanded, kFetching, kReady, kErased };

  std::shared_ptr<ReadFile> file;
  store::ByteRange range;
  State state = State::kAhead;
  bool fetched_ahead = false;  // Counts in ahead_fetches_.
  bool fills = false;          // For the copy only; counts in fill_fetches_.
  bool planned = true;         // Not just what one read lacks.
  bool read = false;           // Some reply had bytes of it.
  Buffer buffer;
  std::vector<PendingPtr> waiters;
  std::list<PartPtr>::iterator queued;  // When kAhead or kDemanded.
  std::list<Part*>::iterator ready;     // When kReady.
};

/// Keeps the parts of a reply; when it ends they may be evicted.
struct ReadPath::Hold {
  explicit Hold(ReadPath& path_in) : path(path_in) {}
  ~Hold() {
    parts.clear();
    path.Wake();
  }
  ReadPath& path;
  std::vector<PartPtr> parts;
};

/// Keeps a part while the cache writes it to the disk.
struct ReadPath::WriteHold {
  WriteHold(ReadPath& path_in, PartPtr part_in)
      : path(path_in), part(std::move(part_in)) {}
  ~WriteHold() {
    part.reset();
    path.WriteEnded();
  }
  ReadPath& path;
  PartPtr part;
};

}  // namespace datashim::fs
