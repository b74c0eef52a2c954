#include "fs/page_stream.h"

#include <algorithm>
#include <utility>

namespace datashim::fs {
namespace {

// The largest character that UTF-8 has: behind every key that goes on with
// something else.
constexpr std::string_view kLastCharacter = "\xf4\x8f\xbf\xbf";
constexpr std::size_t kGuessesMax = 16;
// So many pages are read one after the other before the key space is divided:
// most directories are small, a range that has nothing is a LIST in vain, and a
// LIST that starts in the middle costs some stores a new scan (MinIO).
constexpr std::size_t kPagesBeforeRanges = 16;

bool StartsCharacter(std::string_view text, std::size_t at) {
  return at >= text.size() ||
         (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
}

std::string_view FirstKey(const store::ListPage& page) {
  if (page.objects.empty()) return page.prefixes.front();
  if (page.prefixes.empty()) return page.objects.front().key;
  return std::min<std::string_view>(page.objects.front().key,
                                    page.prefixes.front());
}

std::string_view LastKey(const store::ListPage& page) {
  if (page.objects.empty()) return page.prefixes.back();
  if (page.prefixes.empty()) return page.objects.back().key;
  return std::max<std::string_view>(page.objects.back().key,
                                    page.prefixes.back());
}

bool IsEmpty(const store::ListPage& page) {
  return page.objects.empty() && page.prefixes.empty();
}

}  // namespace

std::vector<KeyRange> DivideRest(const KeyRange& range, std::string_view first,
                                 std::string_view last) {
  const auto differs =
      std::mismatch(first.begin(), first.end(), last.begin(), last.end());
  // Ends of beginnings of `last` that keys behind it may share, up to one short
  // of what all keys of the page have: the pages that follow it share that, and
  // a range for each would read most of them in vain.
  const auto shared = static_cast<std::size_t>(differs.second - last.begin());
  std::vector<std::size_t> ends{range.within.size()};
  for (std::size_t at = ends.back() + 1; at < shared; ++at) {
    if (StartsCharacter(last, at)) ends.push_back(at);
  }
  if (ends.size() > kGuessesMax) {
    ends.erase(ends.begin() + 1,
               ends.end() - static_cast<std::ptrdiff_t>(kGuessesMax - 1));
  }
  std::vector<KeyRange> parts;
  parts.push_back({std::string(last.substr(0, ends.back())), std::string(last),
                   range.except});
  for (std::size_t i = ends.size() - 1; i > 0; --i) {
    const std::string beginning(last.substr(0, ends[i]));
    parts.push_back({std::string(last.substr(0, ends[i - 1])),
                     beginning + std::string(kLastCharacter), beginning});
  }
  return parts;
}

PageStream::PageStream(store::ObjectStore& store, ThreadPool& threads,
                       std::string prefix, Duration request_timeout,
                       Clock& clock)
    : store_(store),
      threads_(threads),
      request_timeout_(request_timeout),
      clock_(clock) {
  auto range = std::make_shared<Range>();
  range->prefix = prefix;
  range->keys.within = std::move(prefix);
  ranges_.push_back(std::move(range));
}

void PageStream::Start() {
  const std::lock_guard lock(mutex_);
  FetchAheadLocked();
}

Result<std::optional<TimedPage>> PageStream::Next() {
  std::unique_lock lock(mutex_);
  while (!ranges_.empty()) {
    const RangePtr range = ranges_.front();
    if (!range->pages.empty()) {
      TimedPage page = std::move(range->pages.front());
      range->pages.pop_front();
      --pages_;
      ++taken_;
      DropTakenLocked();
      page.last = ranges_.empty();
      FetchAheadLocked();
      return std::optional(std::move(page));
    }
    if (range->fetching) {
      fetched_.wait(lock);
    } else if (auto error = Fetch(lock, range)) {
      return *std::move(error);
    }
    DropTakenLocked();
  }
  return std::optional<TimedPage>();
}

void PageStream::DropTakenLocked() {
  while (!ranges_.empty() && ranges_.front()->whole &&
         ranges_.front()->pages.empty()) {
    ranges_.pop_front();
  }
}

// Lets idle threads fetch what comes next.
void PageStream::FetchAheadLocked() {
  const std::size_t pages_max =
      taken_ < kPagesBeforeRanges ? 1 : kPagesAheadMax;
  for (const RangePtr& range : ranges_) {
    if (fetches_ >= kFetchesMax || pages_ + fetches_ >= pages_max) return;
    if (range->fetching || range->whole) continue;
    const bool queued = threads_.TrySubmit([self = shared_from_this(), range] {
      std::unique_lock lock(self->mutex_);
      // An error is met again, and told, by who needs the page.
      const bool failed = self->Fetch(lock, range).has_value();
      --self->fetches_;
      if (!failed) self->FetchAheadLocked();
    });
    if (!queued) return;
    range->fetching = true;
    ++fetches_;
  }
}

// REQUIRES: the lock is held, and is let go of meanwhile.
std::optional<Error> PageStream::Fetch(std::unique_lock<std::mutex>& lock,
                                       const RangePtr& range) {
  store::ListRequest request;
  request.prefix = range->prefix;
  request.delimiter = "/";
  request.continuation = range->continuation;
  if (request.continuation.empty()) request.start_after = range->keys.after;
  range->fetching = true;
  const MonotonicTime asked = clock_.Now();
  lock.unlock();
  auto page = store_.List(request, Deadline::After(request_timeout_));
  lock.lock();
  range->fetching = false;
  fetched_.notify_all();
  if (!page.ok()) return std::move(page).error();
  auto error = Take(*range, *std::move(page), asked);
  if (!error && taken_ + 1 >= kPagesBeforeRanges) Divide(range);
  return error;
}

std::optional<Error> PageStream::Take(Range& range, store::ListPage page,
                                      MonotonicTime asked) {
  if (!page.continuation.empty() && page.continuation == range.continuation) {
    return Error{ErrorCode::kDataLoss,
                 "listing of \"" + range.prefix +
                     "\" does not advance: the store sent the same "
                     "continuation twice"};
  }
  range.continuation = page.continuation;
  range.whole = page.continuation.empty();
  // Keys behind the range are another's.
  if (!IsEmpty(page) && !LastKey(page).starts_with(range.keys.within)) {
    range.whole = true;
  }
  std::erase_if(page.objects, [&](const store::ObjectInfo& object) {
    return !range.keys.Has(object.key);
  });
  std::erase_if(page.prefixes, [&](const std::string& prefix) {
    return !range.keys.Has(prefix);
  });
  if (!IsEmpty(page)) {
    range.pages.push_back({std::move(page), asked});
    ++pages_;
  }
  return std::nullopt;
}

// A range of which there is more becomes several.
void PageStream::Divide(const RangePtr& range) {
  if (range->whole || range->pages.empty() ||
      ranges_.size() >= kPagesAheadMax) {
    return;
  }
  const auto at = std::find(ranges_.begin(), ranges_.end(), range);
  const store::ListPage& page = range->pages.back().page;
  std::vector<KeyRange> parts =
      DivideRest(range->keys, FirstKey(page), LastKey(page));
  // The same requests go on, up to the end of what is theirs now.
  range->keys.within = std::move(parts.front().within);
  for (std::size_t i = 1; i < parts.size(); ++i) {
    auto part = std::make_shared<Range>();
    part->prefix = parts[i].within;
    part->keys = std::move(parts[i]);
    ranges_.insert(std::next(at, static_cast<std::ptrdiff_t>(i)),
                   std::move(part));
  }
}

}  // namespace datashim::fs
