// Reader: the entries of a tar, zip or 7z, one after the other, by libarchive.
// Judges no names and knows no limits: unpack.h does.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "archive/byte_source.h"
#include "base/result.h"
#include "dataset/unpack_request.h"

namespace datashim::archive {

/// What an entry is.
enum class EntryKind { kFile, kDirectory, kSymbolicLink, kHardLink, kOther };

/// One entry, as the archive has it: nothing of it is checked.
struct Entry {
  std::string path;
  EntryKind kind = EntryKind::kFile;
  std::optional<std::uint64_t> size_bytes;  ///< Of a file, if it is known.
  std::string link;  ///< kSymbolicLink: its text; kHardLink: a path.
  bool is_encrypted = false;
};

/// Thread-compatible, and bound to the thread that opened it, whose locale it
/// sets to UTF-8 for as long as it lives.
class Reader {
 public:
  /// Finds out what the archive is. `source` outlives the reader and stands at
  /// its start.
  /// @return kInvalidArgument if it is not what `format` says, or nothing that
  ///     is known; kFailedPrecondition for a zip or 7z, which begin at their
  ///     end, from a source that cannot seek; errors of the source.
  static Result<std::unique_ptr<Reader>> Open(ByteSource& source,
                                              dataset::ArchiveFormat format);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader();

  /// The next entry; nullopt behind the last. kDataLoss: the archive is
  /// damaged; errors of the source.
  Result<std::optional<Entry>> Next();
  /// Content of the entry, holes as zeros. @return how much; 0 at its end.
  Result<std::size_t> Read(std::span<std::byte> out);

  /// Bytes of the archive that were read so far.
  std::uint64_t bytes_read() const;

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// The format by the first bytes of the file; kTar if it is no other one. Pure.
dataset::ArchiveFormat FormatOf(std::span<const std::byte> start);

}  // namespace datashim::archive
