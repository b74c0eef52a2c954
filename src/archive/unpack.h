// Unpack: an archive's files as objects of a bucket, within limits, or the file
// as it is. Everything about the archive is hostile until it is checked here.

#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "archive/byte_source.h"
#include "archive/object_writer.h"
#include "base/result.h"
#include "dataset/unpack_request.h"
#include "store/object_store.h"

namespace datashim::archive {

/// Bounds of one archive; beyond any of them it is refused
/// (kResourceExhausted).
struct Limits {
  /// Of all files together, copies that stand for links included.
  std::uint64_t bytes_max = std::uint64_t{1} << 40;
  /// Files, directories and links.
  std::uint64_t entries_max = 1'000'000;
  /// Bytes out for one byte in, looked at once ratio_from_bytes are out: a
  /// bomb has more. Deflate itself cannot have more than 1,032.
  std::uint64_t ratio_max = 1000;
  std::uint64_t ratio_from_bytes = std::uint64_t{1} << 30;
  /// Of a key, with the prefix of the place.
  std::size_t key_bytes_max = 1024;
};

/// How far it is; read by another thread.
struct Progress {
  std::atomic<std::uint64_t> bytes_read = 0;   ///< Of the archive.
  std::atomic<std::uint64_t> bytes_total = 0;  ///< 0: not known.
  std::atomic<std::uint64_t> bytes_written = 0;
  std::atomic<std::uint64_t> files = 0;
};

/// What came of it.
struct Summary {
  std::uint64_t files = 0;  ///< Objects, copies that stand for links included.
  std::uint64_t bytes = 0;
  std::uint64_t links_skipped = 0;  ///< They point to a directory or nothing.
  std::string first_skipped;
};

/// Unpacks what `source` holds into `store`. Objects that are there already
/// stay, unless a file has their key; objects of before an error stay, too.
///
/// Files become objects. Directories are not made: those with files are there
/// by their names. Links to files of the archive become copies; a link that
/// leaves the archive, a device, FIFO or socket, an encrypted entry and a name
/// that cannot be a path are errors that name the entry.
/// @param request its url only for the name of a file that is not extracted.
/// @return kInvalidArgument, kResourceExhausted (limits), kDataLoss (damaged),
///     kFailedPrecondition (sha256 differs), kCancelled (`stop`), and those of
///     source and store.
Result<Summary> Unpack(ByteSource& source,
                       const dataset::UnpackRequest& request,
                       store::ObjectStore& store, const Limits& limits,
                       const WriterOptions& writer_options, Progress& progress,
                       std::stop_token stop);

/// The key for a file that is stored as it is: the last part of the URL's path,
/// decoded; "data" if that can be no name. Pure.
std::string FileNameOf(std::string_view url);

}  // namespace datashim::archive
