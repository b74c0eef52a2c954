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

std::string FormatCompleteUpload(const std::vector<store::UploadedPart>& parts);
std::string FormatCreateBucket(std::string_view region);

/// %XX and '+' undone; nullopt for a '%' without two hex digits.
std::optional<std::string> UrlDecode(std::string_view text);

}  // namespace datashim::s3
