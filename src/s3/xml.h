// S3's XML: answers parsed into types, requests written. Pure. Hostile input
// is bounded by its size, which the caller limits; no DTD or entity is read.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/object_store.h"

namespace datashim::s3 {

/// The <Error> of an answer.
struct ErrorBody {
  std::string code;     ///< Such as "NoSuchKey"; letters and digits only.
  std::string message;  ///< Printable, at most 256 bytes.
  std::string region;   ///< Where the bucket is, if the server says so.
};

/// nullopt if the text is no <Error>.
std::optional<ErrorBody> ParseError(std::string_view xml);

/// A page of ListObjectsV2 as the server gave it, keys whole and decoded.
/// Errors of all parsers below: kDataLoss, saying what is missing.
Result<store::ListPage> ParseListPage(std::string_view xml);

/// CreateMultipartUpload's answer.
Result<std::string> ParseUploadId(std::string_view xml);

/// What CopyObject, UploadPartCopy and CompleteMultipartUpload made.
struct Written {
  std::string etag;
  std::optional<WallTime> modified;
};
Result<Written> ParseWritten(std::string_view xml);

/// A version of an object, a delete marker, or an upload that is not complete.
struct ObjectVersion {
  std::string key;
  std::string id;  ///< Of version or upload; empty: the object itself.

  friend bool operator==(const ObjectVersion&, const ObjectVersion&) = default;
};

/// The start of a list of them; what is behind it is listed again when these
/// are gone.
struct VersionPage {
  std::vector<ObjectVersion> entries;
};

/// An answer of ListObjectVersions, ListMultipartUploads or ListObjectsV2.
Result<VersionPage> ParseVersionPage(std::string_view xml);

/// DeleteObjects' request. Keys must be such as XML can hold.
std::string FormatDelete(const std::vector<ObjectVersion>& versions);

/// What DeleteObjects could not delete.
struct DeleteError {
  std::string key;
  ErrorBody body;
};
Result<std::vector<DeleteError>> ParseDeleteErrors(std::string_view xml);

std::string FormatTag(const std::string& key, const std::string& value);
/// The value of a tag in GetBucketTagging's answer; empty if it is not there.
Result<std::string> ParseTag(std::string_view xml, std::string_view key);

std::string FormatCompleteUpload(const std::vector<store::UploadedPart>& parts);
std::string FormatCreateBucket(std::string_view region);

/// %XX and '+' undone; nullopt for a '%' without two hex digits.
std::optional<std::string> UrlDecode(std::string_view text);

}  // namespace datashim::s3
