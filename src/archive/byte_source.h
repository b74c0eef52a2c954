// ByteSource: the bytes of an archive from wherever it is, from start to end,
// and from any place where the server allows that.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"

namespace datashim::archive {

/// Thread-compatible. Errors: those of the server, with kUnavailable,
/// kDeadlineExceeded and kAborted (it changed while it was read) for what
/// another attempt may cure. Messages hold no URL: it may be signed.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// The next bytes, valid until the next call; empty at the end.
  virtual Result<std::span<const std::byte>> Next() = 0;
  virtual bool seekable() const = 0;
  /// Next goes on at `offset`. REQUIRES: seekable().
  virtual void Seek(std::uint64_t offset) = 0;
  /// nullopt: known at the end only.
  virtual std::optional<std::uint64_t> size() const = 0;
};

/// Reads one version of something of known size in ranges; while one is used,
/// the next is fetched, unless reads jump.
class RangedSource final : public ByteSource {
 public:
  /// Fills the span, which is as large as the range. Called on a thread of the
  /// source, one at a time; ends soon after `stop`.
  using Fetch = std::function<Status(store::ByteRange, std::span<std::byte>,
                                     std::stop_token stop)>;

  RangedSource(std::uint64_t size_bytes, Fetch fetch);
  RangedSource(const RangedSource&) = delete;
  RangedSource& operator=(const RangedSource&) = delete;
  /// Waits for a fetch under way.
  ~RangedSource() override;

  Result<std::span<const std::byte>> Next() override;
  bool seekable() const override { return true; }
  void Seek(std::uint64_t offset) override;
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  struct Part {
    std::uint64_t offset = 0;
    std::vector<std::byte> bytes;
  };

  // REQUIRES: no fetch is under way.
  void Start(std::uint64_t offset);

  const std::uint64_t size_;
  const Fetch fetch_;
  std::stop_source stop_;
  std::uint64_t offset_ = 0;  // Of the next byte to hand out.
  std::size_t range_bytes_;   // Of the next fetch: grows while nobody jumps.
  Part current_;
  std::uint64_t ahead_offset_ = 0;
  Part ahead_;                       // The fetch's, until it is done.
  std::future<Status> fetch_ahead_;  // Valid: a fetch from ahead_offset_.
};

/// An object of a bucket. Its size and version are asked for now.
Result<std::unique_ptr<ByteSource>> OpenObject(
    std::shared_ptr<store::ObjectStore> store, const std::string& key);

/// How web servers are talked to.
struct WebOptions {
  int redirects_max = 5;
  int attempts_max = 5;  ///< Of one range.
  std::chrono::seconds connect_timeout{10};
  std::chrono::seconds idle_timeout{60};
  std::chrono::seconds range_timeout{300};
};

/// The answer to a GET of an http or https URL. Follows redirects, but not
/// from https to http. In ranges if the server knows them and names versions
/// (a strong ETag); else in one go that cannot be resumed.
Result<std::unique_ptr<ByteSource>> OpenWeb(const std::string& url,
                                            const WebOptions& options,
                                            std::stop_token stop);

}  // namespace datashim::archive
