// UnpackRequest: what the worker of an ARCHIVE Dataset needs to know. The
// operator writes it into a Secret in its own namespace, which is mounted into
// the worker's pod. The keys of the Secret are the wire format between the two,
// parsed here and nowhere else. Pure.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dataset/volume_config.h"

namespace datashim::dataset {

/// What an archive is. A tar may be compressed in any way that is known.
enum class ArchiveFormat { kAny, kTar, kZip, kSevenZip };

/// Takes names ("tar.gz", "zip", "7z") and media types ("application/x-tar",
/// of a compressed tar as well, as upstream's users write it); empty is kAny.
/// @return nullopt for what is neither.
std::optional<ArchiveFormat> ParseArchiveFormat(std::string_view text);

/// Object behind s3://bucket/key.
struct ObjectPlace {
  std::string bucket;
  std::string key;
};

/// @return kInvalidArgument, without the key of the spec, unless it is
///     s3://bucket/key. The key stands as it is, not percent-encoded.
Result<ObjectPlace> ParseObjectUrl(std::string_view url);

/// @return kInvalidArgument, without the key of the spec, unless it is an http,
///     https or s3 URL without password; kPermissionDenied for the machine
///     itself and for link-local addresses, where clouds keep keys of nodes.
///     Only what is written is looked at: names are not resolved.
Status CheckArchiveUrl(std::string_view url);

/// 64 hex digits in lower case.
/// @return kInvalidArgument, without the key of the spec.
Result<std::string> ParseSha256(std::string_view text);

/// Thread-compatible.
struct UnpackRequest {
  std::string url;  ///< May hold a signature: for Secrets only.
  ArchiveFormat format = ArchiveFormat::kAny;
  bool extract = false;  ///< False: the file is stored as it is.
  std::string sha256;    ///< Of the archive, lower-case hex; empty: any.
  /// Where the files go. Everything below its prefix is replaced.
  VolumeConfig target;
  /// Of an s3 URL: endpoint and keys; the bucket is the URL's.
  std::optional<VolumeConfig> origin;

  /// Keys: those of VolumeConfig for the target, url, archiveFormat, extract,
  /// sha256, and for the origin those of VolumeConfig with "source." in front.
  SecretData ToSecretData() const;
  /// @return kInvalidArgument, naming the key. A target without a prefix is
  ///     refused, since what is below it is replaced.
  static Result<UnpackRequest> FromSecretData(const SecretData& data);
};

/// Names one content of a Dataset's archive: 16 hex digits of what the spec
/// says about it.
std::string ArchiveVersion(std::string_view url, ArchiveFormat format,
                           bool extract, std::string_view sha256);

/// "<folder>/<uid>/", all that is unpacked for the Dataset of that uid, and
/// below it "<version>/".
std::string ArchiveRoot(std::string_view folder, std::string_view dataset_uid);
/// The root of which `version_prefix` is a version.
std::string ArchiveRootOf(std::string_view version_prefix);

}  // namespace datashim::dataset
