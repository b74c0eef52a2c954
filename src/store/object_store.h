// ObjectStore: what the file system needs of a bucket. `s3` implements it over
// HTTP, MemoryStore in memory; one conformance suite runs against both.
//
// A store is bound to one bucket and one key prefix when it is made: keys here
// are relative to that prefix, and nothing outside it can be named.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace datashim::store {

/// Bytes [offset, offset + size) of an object.
struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;

  std::uint64_t end() const { return offset + size; }
  friend bool operator==(const ByteRange&, const ByteRange&) = default;
};

/// One version of one object.
struct ObjectInfo {
  std::string key;
  std::uint64_t size = 0;
  std::string etag;  ///< As the store sent it, quotes included; opaque.
  WallTime modified;

  friend bool operator==(const ObjectInfo&, const ObjectInfo&) = default;
};

/// ListObjectsV2's parameters.
struct ListRequest {
  std::string prefix = {};
  /// "/" groups deeper keys into `prefixes`; empty lists every key.
  std::string delimiter = {};
  std::string start_after = {};
  std::string continuation = {};  ///< ListPage::continuation before.
  std::uint32_t keys_max = 1000;  ///< S3 caps a page at 1,000 keys.
};

/// One page of a listing.
struct ListPage {
  std::vector<ObjectInfo> objects;    ///< Ascending by key (UTF-8 bytes).
  std::vector<std::string> prefixes;  ///< Ascending; each ends in delimiter.
  std::string continuation;           ///< Empty on the last page.
};

/// A part that has been uploaded, as CompleteUpload wants it.
struct UploadedPart {
  std::uint32_t number = 0;  ///< 1..10,000 (S3).
  std::string etag;
};

/// Preconditions of a write.
struct PutOptions {
  bool if_none_match = false;  ///< Fails with kAlreadyExists if the key exists.
  std::string content_type = {};
};

/// Every call blocks until its answer or the deadline, retries what is safe to
/// retry inside that time, and is thread-safe.
///
/// Errors, by code: kNotFound (no such key, bucket or upload),
/// kPermissionDenied, kUnauthenticated (keys are wrong or expired),
/// kFailedPrecondition (If-Match: the object changed), kAlreadyExists,
/// kInvalidArgument, kResourceExhausted (quota), kDeadlineExceeded,
/// kUnavailable (network, 5xx after retries), kDataLoss (a checksum or length
/// is wrong), kUnimplemented. Messages name bucket and key, never a secret.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  /// Reads `range` of the object into `out`, whose size is range.size.
  /// With a non-empty `etag` only that version is read.
  /// @return the bytes read: fewer than asked only at the end of the object.
  ///     Bytes of `out` behind that number are unspecified.
  virtual Result<std::size_t> Get(const std::string& key,
                                  const std::string& etag, ByteRange range,
                                  std::span<std::byte> out,
                                  Deadline deadline) = 0;

  virtual Result<ObjectInfo> Head(const std::string& key,
                                  Deadline deadline) = 0;

  virtual Result<ListPage> List(const ListRequest& request,
                                Deadline deadline) = 0;

  /// Makes or replaces the object whole. @return its new version.
  virtual Result<ObjectInfo> Put(const std::string& key,
                                 std::span<const std::byte> body,
                                 const PutOptions& options,
                                 Deadline deadline) = 0;

  /// Starts a multipart upload. @return its id.
  virtual Result<std::string> CreateUpload(const std::string& key,
                                           const PutOptions& options,
                                           Deadline deadline) = 0;
  /// Parts but the last are at least 5 MiB (S3).
  virtual Result<UploadedPart> UploadPart(const std::string& key,
                                          const std::string& upload_id,
                                          std::uint32_t number,
                                          std::span<const std::byte> body,
                                          Deadline deadline) = 0;
  virtual Result<ObjectInfo> CompleteUpload(
      const std::string& key, const std::string& upload_id,
      const std::vector<UploadedPart>& parts, const PutOptions& options,
      Deadline deadline) = 0;
  /// OK when the upload is not there any more.
  virtual Status AbortUpload(const std::string& key,
                             const std::string& upload_id,
                             Deadline deadline) = 0;

  /// OK when the key is not there (as S3).
  virtual Status Delete(const std::string& key, Deadline deadline) = 0;

  /// Copies on the server, any size. With a non-empty `source_etag` only that
  /// version. @return the copy.
  virtual Result<ObjectInfo> Copy(const std::string& source_key,
                                  const std::string& source_etag,
                                  const std::string& key,
                                  Deadline deadline) = 0;
};

}  // namespace datashim::store
