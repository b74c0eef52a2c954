// Archives in memory, good and bad, and a source that reads them. For tests.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "archive/byte_source.h"

namespace datashim::archive {

/// What MakeArchive puts into an archive, as it is.
struct MadeEntry {
  enum class Kind { kFile, kDirectory, kSymbolicLink, kHardLink, kFifo };

  std::string path;
  std::string content = {};  ///< Of a link: what it points to.
  Kind kind = Kind::kFile;
};

enum class MadeFormat { kTar, kTarGz, kZip, kSevenZip };

/// Made by libarchive.
std::string MakeArchive(MadeFormat format,
                        const std::vector<MadeEntry>& entries);

/// Gives pieces of a text.
class TextSource final : public ByteSource {
 public:
  TextSource(std::string text, bool seekable, std::size_t piece_bytes = 1000)
      : text_(std::move(text)),
        seekable_(seekable),
        piece_bytes_(piece_bytes) {}

  Result<std::span<const std::byte>> Next() override {
    if (fail_at_ && offset_ >= *fail_at_) {
      return Error{ErrorCode::kUnavailable, "the line broke"};
    }
    const auto bytes = std::as_bytes(std::span(text_)).subspan(offset_);
    const auto piece = bytes.first(std::min(bytes.size(), piece_bytes_));
    offset_ += piece.size();
    return piece;
  }
  bool seekable() const override { return seekable_; }
  void Seek(std::uint64_t offset) override { offset_ = offset; }
  std::optional<std::uint64_t> size() const override {
    if (!seekable_) return std::nullopt;
    return text_.size();
  }

  /// Reads from there on fail with kUnavailable.
  void FailAt(std::size_t offset) { fail_at_ = offset; }

 private:
  const std::string text_;
  const bool seekable_;
  const std::size_t piece_bytes_;
  std::size_t offset_ = 0;
  std::optional<std::size_t> fail_at_;
};

}  // namespace datashim::archive
