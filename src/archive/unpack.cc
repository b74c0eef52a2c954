#include "archive/unpack.h"

#include <map>
#include <utility>
#include <vector>

#include "archive/entry_name.h"
#include "archive/reader.h"
#include "archive/sha256.h"
#include "base/strings.h"

namespace datashim::archive {
namespace {

constexpr std::size_t kPieceBytes = 256u << 10;
constexpr int kLinkHopsMax = 40;  // As Linux.
constexpr std::chrono::seconds kStoreTimeout{300};

/// Digests what passes, if it passes in order.
class DigestingSource final : public ByteSource {
 public:
  explicit DigestingSource(ByteSource& inner) : inner_(inner) {}

  Result<std::span<const std::byte>> Next() override {
    auto bytes = inner_.Next();
    if (bytes.ok() && in_order_) digest_.Add(*bytes);
    return bytes;
  }
  bool seekable() const override { return inner_.seekable(); }
  void Seek(std::uint64_t offset) override {
    in_order_ = false;
    inner_.Seek(offset);
  }
  std::optional<std::uint64_t> size() const override { return inner_.size(); }

  /// Reads what is left; everything once more if it was read in another order.
  Result<std::string> Finish(const std::stop_token& stop);

 private:
  ByteSource& inner_;
  Sha256 digest_;
  bool in_order_ = true;
};

Status CheckStop(const std::stop_token& stop) {
  if (!stop.stop_requested()) return OkStatus();
  return Error{ErrorCode::kCancelled, "it was stopped"};
}

Result<std::string> DigestingSource::Finish(const std::stop_token& stop) {
  if (!in_order_) {
    inner_.Seek(0);
    in_order_ = true;
    digest_ = Sha256();
  }
  while (true) {
    DS_RETURN_IF_ERROR(CheckStop(stop));
    DS_ASSIGN_OR_RETURN(const auto bytes, Next());
    if (bytes.empty()) return digest_.Finish();
  }
}

Status CheckDigest(const std::string& found, const std::string& wanted) {
  if (found == wanted) return OkStatus();
  return Error{ErrorCode::kFailedPrecondition,
               "the sha256 of the archive is " + found + ", and spec.sha256 " +
                   "says " + wanted};
}

Error OfEntry(const Error& error, const std::string& path) {
  return error.Wrap("entry " + JsonQuote(path));
}

/// One run.
class Run {
 public:
  Run(store::ObjectStore& store, const Limits& limits,
      const WriterOptions& options, Progress& progress, std::stop_token stop)
      : store_(store),
        limits_(limits),
        progress_(progress),
        stop_(std::move(stop)),
        writer_(store, options) {}

  Status Extract(ByteSource& source, dataset::ArchiveFormat format);
  Status Store(ByteSource& source, const std::string& key);
  Status Finish();
  Summary TakeSummary() { return std::move(summary_); }

 private:
  Status Take(Reader& reader, const Entry& entry,
              std::optional<std::uint64_t> archive_bytes);
  Status TakeFile(Reader& reader, const Entry& entry, std::string key,
                  std::optional<std::uint64_t> archive_bytes);
  Status AddBytes(std::uint64_t bytes);
  Status CheckRatio(std::uint64_t archive_bytes) const;
  Status CopyLink(const std::string& link, std::string target);

  store::ObjectStore& store_;
  const Limits& limits_;
  Progress& progress_;
  const std::stop_token stop_;
  ObjectWriter writer_;
  std::vector<std::byte> piece_ = std::vector<std::byte>(kPieceBytes);
  std::uint64_t entries_ = 0;
  std::map<std::string, std::string> links_;  // Key to key.
  Summary summary_;
};

Status Run::AddBytes(std::uint64_t bytes) {
  if (bytes > limits_.bytes_max - summary_.bytes) {
    return Error{ErrorCode::kResourceExhausted,
                 "the files are larger than the " +
                     std::to_string(limits_.bytes_max) +
                     " bytes that are allowed together"};
  }
  summary_.bytes += bytes;
  progress_.bytes_written = summary_.bytes;
  return OkStatus();
}

Status Run::CheckRatio(std::uint64_t archive_bytes) const {
  if (summary_.bytes < limits_.ratio_from_bytes ||
      summary_.bytes / limits_.ratio_max <= archive_bytes) {
    return OkStatus();
  }
  return Error{ErrorCode::kResourceExhausted,
               "more than " + std::to_string(limits_.ratio_max) +
                   " bytes come out of one byte of the archive: it is taken "
                   "for a bomb"};
}

Status Run::TakeFile(Reader& reader, const Entry& entry, std::string key,
                     std::optional<std::uint64_t> archive_bytes) {
  // Before it costs anything.
  if (entry.size_bytes.value_or(0) > limits_.bytes_max - summary_.bytes) {
    return AddBytes(*entry.size_bytes);
  }
  DS_RETURN_IF_ERROR(writer_.Begin(std::move(key), entry.size_bytes));
  while (true) {
    DS_RETURN_IF_ERROR(CheckStop(stop_));
    DS_ASSIGN_OR_RETURN(const std::size_t size, reader.Read(piece_));
    progress_.bytes_read = reader.bytes_read();
    if (size == 0) break;
    DS_RETURN_IF_ERROR(AddBytes(size));
    DS_RETURN_IF_ERROR(CheckRatio(archive_bytes.value_or(reader.bytes_read())));
    DS_RETURN_IF_ERROR(writer_.Write(std::span(piece_).first(size)));
  }
  DS_RETURN_IF_ERROR(writer_.End());
  progress_.files = ++summary_.files;
  return OkStatus();
}

Status Run::Take(Reader& reader, const Entry& entry,
                 std::optional<std::uint64_t> archive_bytes) {
  const auto invalid = [](const char* why) {
    return Error{ErrorCode::kInvalidArgument, why};
  };
  if (++entries_ > limits_.entries_max) {
    return Error{ErrorCode::kResourceExhausted,
                 "the archive has more than the " +
                     std::to_string(limits_.entries_max) +
                     " entries that are allowed"};
  }
  DS_ASSIGN_OR_RETURN(std::string key,
                      KeyOfEntry(entry.path, limits_.key_bytes_max));
  if (entry.kind == EntryKind::kDirectory) return OkStatus();
  if (entry.kind == EntryKind::kOther) {
    return invalid("it is a device, a FIFO or a socket");
  }
  if (key.empty()) return invalid("it is the archive's root, and no directory");
  if (entry.kind == EntryKind::kFile) {
    if (entry.is_encrypted) return invalid("it is encrypted");
    links_.erase(key);
    return TakeFile(reader, entry, std::move(key), archive_bytes);
  }
  auto target = entry.kind == EntryKind::kHardLink
                    ? KeyOfEntry(entry.link)
                    : KeyOfLinkTarget(key, entry.link);
  if (!target.ok()) {
    return target.error().Wrap("the link to " + JsonQuote(entry.link));
  }
  links_[std::move(key)] = *std::move(target);
  return OkStatus();
}

Status Run::Extract(ByteSource& source, dataset::ArchiveFormat format) {
  DS_ASSIGN_OR_RETURN(const auto reader, Reader::Open(source, format));
  const std::optional<std::uint64_t> archive_bytes =
      source.seekable() ? source.size() : std::nullopt;
  while (true) {
    DS_RETURN_IF_ERROR(CheckStop(stop_));
    DS_ASSIGN_OR_RETURN(const std::optional<Entry> entry, reader->Next());
    if (!entry) return OkStatus();
    if (Status taken = Take(*reader, *entry, archive_bytes); !taken.ok()) {
      return OfEntry(taken.error(), entry->path);
    }
  }
}

Status Run::Store(ByteSource& source, const std::string& key) {
  DS_RETURN_IF_ERROR(writer_.Begin(key, source.size()));
  while (true) {
    DS_RETURN_IF_ERROR(CheckStop(stop_));
    DS_ASSIGN_OR_RETURN(const auto bytes, source.Next());
    if (bytes.empty()) break;
    DS_RETURN_IF_ERROR(AddBytes(bytes.size()));
    progress_.bytes_read = summary_.bytes;
    DS_RETURN_IF_ERROR(writer_.Write(bytes));
  }
  DS_RETURN_IF_ERROR(writer_.End());
  progress_.files = ++summary_.files;
  return OkStatus();
}

/// Makes the object that a link stands for. Other links on the way are
/// followed.
Status Run::CopyLink(const std::string& link, std::string target) {
  for (int hops = 0; hops < kLinkHopsMax && !target.empty(); ++hops) {
    const auto further = links_.find(target);
    if (further != links_.end()) {
      target = further->second;
      continue;
    }
    const auto found = store_.Head(target, Deadline::After(kStoreTimeout));
    if (!found.ok() && found.error().code != ErrorCode::kNotFound) {
      return found.error();
    }
    if (!found.ok()) break;
    DS_RETURN_IF_ERROR(AddBytes(found->size));
    const auto copied =
        store_.Copy(target, found->etag, link, Deadline::After(kStoreTimeout));
    if (!copied.ok()) return copied.error();
    progress_.files = ++summary_.files;
    return OkStatus();
  }
  if (summary_.links_skipped++ == 0) summary_.first_skipped = link;
  return OkStatus();
}

Status Run::Finish() {
  DS_RETURN_IF_ERROR(writer_.Finish());
  for (const auto& [link, target] : links_) {
    DS_RETURN_IF_ERROR(CheckStop(stop_));
    if (Status copied = CopyLink(link, target); !copied.ok()) {
      return OfEntry(copied.error(), link);
    }
  }
  return OkStatus();
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                           HexValue(text[i + 1]) >= 0 &&
                           HexValue(text[i + 2]) >= 0;
    if (!is_escape) {
      decoded += text[i];
      continue;
    }
    decoded +=
        static_cast<char>(HexValue(text[i + 1]) * 16 + HexValue(text[i + 2]));
    i += 2;
  }
  return decoded;
}

}  // namespace

std::string FileNameOf(std::string_view url) {
  const bool is_object = url.starts_with("s3://");
  std::string_view path = url;
  if (!is_object) path = path.substr(0, path.find_first_of("?#"));
  const std::size_t authority = path.find("://");
  const std::size_t slash = path.rfind('/');
  std::string name;
  if (slash != std::string_view::npos &&
      (authority == std::string_view::npos || slash > authority + 2)) {
    name = is_object ? std::string(path.substr(slash + 1))
                     : PercentDecode(path.substr(slash + 1));
  }
  const bool has_slash = name.find('/') != std::string::npos;
  const auto key = KeyOfEntry(name);
  return has_slash || !key.ok() || key->empty() ? "data" : *key;
}

Result<Summary> Unpack(ByteSource& source,
                       const dataset::UnpackRequest& request,
                       store::ObjectStore& store, const Limits& limits,
                       const WriterOptions& writer_options, Progress& progress,
                       std::stop_token stop) {
  progress.bytes_total = source.size().value_or(0);
  Run run(store, limits, writer_options, progress, stop);
  DigestingSource digesting(source);
  ByteSource& bytes = request.sha256.empty() ? source : digesting;
  if (request.extract) {
    DS_RETURN_IF_ERROR(run.Extract(bytes, request.format));
  } else {
    DS_RETURN_IF_ERROR(run.Store(bytes, FileNameOf(request.url)));
  }
  if (!request.sha256.empty()) {
    DS_ASSIGN_OR_RETURN(const std::string digest, digesting.Finish(stop));
    DS_RETURN_IF_ERROR(CheckDigest(digest, request.sha256));
  }
  DS_RETURN_IF_ERROR(run.Finish());
  return run.TakeSummary();
}

}  // namespace datashim::archive
