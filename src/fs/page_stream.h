// PageStream: the pages of one directory's listing, in the order of its keys,
// fetched ahead of who reads them: the next page while one is read, and where
// there are many, several ranges of the key space at once.
//
// Knows keys, not names; keeps no page that was taken.

#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/thread_pool.h"
#include "store/object_store.h"

namespace datashim::fs {

/// The part of a directory's keys (and of what its delimiter groups) that one
/// sequence of LISTs reads: those that start with `within`, are behind `after`
/// and do not start with `except`, if there is one.
struct KeyRange {
  std::string within;
  std::string after;
  std::string except;

  bool Has(std::string_view key) const {
    return key.starts_with(within) && key > after &&
           (except.empty() || !key.starts_with(except));
  }
  friend bool operator==(const KeyRange&, const KeyRange&) = default;
};

/// Divides what is left of a range, of which a page from `first` to `last` was
/// read: the first of the result goes on behind `last`, the others follow it in
/// the order of the keys. They overlap nowhere and leave out nothing. Where the
/// keys of a page differ only behind a long common beginning, a guess of what
/// may follow is made for at most 16 characters before that.
///
/// Pure. REQUIRES: the range has both keys.
std::vector<KeyRange> DivideRest(const KeyRange& range, std::string_view first,
                                 std::string_view last);

/// A page of a listing.
struct TimedPage {
  store::ListPage page;
  MonotonicTime asked;  ///< When.
  bool last = false;    ///< There is no other; without it there may be none.
};

/// Thread-safe. Pages that are fetched ahead are bounded by kPagesAheadMax.
class PageStream : public std::enable_shared_from_this<PageStream> {
 public:
  /// Fetches under way at once, and pages that wait to be taken.
  static constexpr std::size_t kFetchesMax = 16;
  static constexpr std::size_t kPagesAheadMax = 64;

  /// Lists `prefix` by "/". `threads` fetch ahead while they are idle; both
  /// references outlive the fetches.
  PageStream(store::ObjectStore& store, ThreadPool& threads, std::string prefix,
             Duration request_timeout, Clock& clock);

  /// Fetches the first page ahead, too, if there is an idle thread.
  void Start();

  /// The next page; nullopt behind the last. Blocks until it is there. For one
  /// caller at a time. After an error the next call tries again.
  Result<std::optional<TimedPage>> Next();

 private:
  struct Range {
    KeyRange keys;
    std::string prefix;  // Of its requests: keys.within, or a shorter one.
    std::string continuation;
    std::deque<TimedPage> pages;
    bool fetching = false;
    bool whole = false;  // Nothing is left to be fetched.
  };
  using RangePtr = std::shared_ptr<Range>;

  void FetchAheadLocked();
  void DropTakenLocked();
  std::optional<Error> Fetch(std::unique_lock<std::mutex>& lock,
                             const RangePtr& range);
  std::optional<Error> Take(Range& range, store::ListPage page,
                            MonotonicTime asked);
  void Divide(const RangePtr& range);

  store::ObjectStore& store_;
  ThreadPool& threads_;
  const Duration request_timeout_;
  Clock& clock_;

  std::mutex mutex_;
  std::condition_variable fetched_;
  // Guarded by mutex_.
  std::list<RangePtr> ranges_;  // By key; those that were taken are gone.
  std::size_t fetches_ = 0;     // By threads_.
  std::size_t pages_ = 0;       // That wait, in all ranges.
  std::size_t taken_ = 0;
};

}  // namespace datashim::fs
