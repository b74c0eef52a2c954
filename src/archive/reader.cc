#include "archive/reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"

namespace datashim::archive {
namespace {

using dataset::ArchiveFormat;

/// Enough for every signature.
constexpr std::size_t kStartBytes = 8;
/// A header that libarchive wants to try again does not get better.
constexpr int kHeaderAttemptsMax = 3;

std::string_view NameOf(ArchiveFormat format) {
  switch (format) {
    case ArchiveFormat::kZip:
      return "a zip";
    case ArchiveFormat::kSevenZip:
      return "a 7z";
    default:
      return "a tar";
  }
}

/// Makes names UTF-8 for libarchive on this thread: without, it cannot hand out
/// those that are no ASCII.
class Utf8Locale {
 public:
  static Result<std::unique_ptr<Utf8Locale>> Set() {
    const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
    if (locale == nullptr) {
      return Error{ErrorCode::kInternal,
                   "the locale C.UTF-8 is not installed here"};
    }
    return std::unique_ptr<Utf8Locale>(new Utf8Locale(locale));
  }
  Utf8Locale(const Utf8Locale&) = delete;
  Utf8Locale& operator=(const Utf8Locale&) = delete;
  ~Utf8Locale() {
    ::uselocale(before_);
    ::freelocale(locale_);
  }

 private:
  explicit Utf8Locale(locale_t locale)
      : locale_(locale), before_(::uselocale(locale)) {}
  const locale_t locale_;
  const locale_t before_;
};

std::string TextOf(const char* text) { return text == nullptr ? "" : text; }

EntryKind KindOf(::archive_entry* entry) {
  if (::archive_entry_hardlink(entry) != nullptr) return EntryKind::kHardLink;
  switch (::archive_entry_filetype(entry)) {
    case AE_IFREG:
      return EntryKind::kFile;
    case AE_IFDIR:
      return EntryKind::kDirectory;
    case AE_IFLNK:
      return EntryKind::kSymbolicLink;
    default:
      return EntryKind::kOther;
  }
}

}  // namespace

struct Reader::State {
  explicit State(ByteSource& bytes) : source(bytes) {}
  ~State() { ::archive_read_free(handle); }

  Status ReadStart();
  Status Enable(ArchiveFormat format);
  Error Failed() const;

  // Called by libarchive, whose errors lose ours: it is kept in `error`.
  static la_ssize_t OnRead(::archive* handle, void* self, const void** out);
  static la_int64_t OnSeek(::archive* handle, void* self, la_int64_t offset,
                           int whence);

  ByteSource& source;
  std::unique_ptr<Utf8Locale> locale;
  ::archive* handle = ::archive_read_new();
  std::vector<std::byte> start;  // Read before libarchive asked for it.
  bool start_given = false;
  std::uint64_t offset = 0;  // Of what libarchive reads next.
  std::uint64_t bytes_read = 0;
  std::optional<Error> error;
};

/// At least kStartBytes, unless the file is shorter.
Status Reader::State::ReadStart() {
  while (start.size() < kStartBytes) {
    DS_ASSIGN_OR_RETURN(const auto bytes, source.Next());
    if (bytes.empty()) break;
    start.insert(start.end(), bytes.begin(), bytes.end());
  }
  return OkStatus();
}

Status Reader::State::Enable(ArchiveFormat format) {
  int done = ARCHIVE_OK;
  const auto enable = [&](int (*support)(::archive*)) {
    // ARCHIVE_WARN: by a program that libarchive would have to start.
    if (support(handle) != ARCHIVE_OK) done = ARCHIVE_FATAL;
  };
  if (format == ArchiveFormat::kZip) {
    enable(::archive_read_support_format_zip_seekable);
  } else if (format == ArchiveFormat::kSevenZip) {
    enable(::archive_read_support_format_7zip);
  } else {
    enable(::archive_read_support_format_tar);
    enable(::archive_read_support_filter_gzip);
    enable(::archive_read_support_filter_bzip2);
    enable(::archive_read_support_filter_xz);
    enable(::archive_read_support_filter_lzma);
    enable(::archive_read_support_filter_zstd);
    enable(::archive_read_support_filter_lz4);
  }
  if (done == ARCHIVE_OK) return OkStatus();
  return Error{ErrorCode::kInternal, "libarchive: " + Failed().message};
}

Error Reader::State::Failed() const {
  if (error) return *error;
  const std::string why = TextOf(::archive_error_string(handle));
  return {ErrorCode::kDataLoss,
          "the archive is damaged, or not what it says: " +
              (why.empty() ? "no reason given" : why)};
}

la_ssize_t Reader::State::OnRead(::archive* handle, void* self,
                                 const void** out) {
  auto& state = *static_cast<State*>(self);
  std::span<const std::byte> bytes;
  if (!state.start_given && state.offset == 0) {
    bytes = state.start;
  } else {
    auto next = state.source.Next();
    if (!next.ok()) {
      state.error = std::move(next).error();
      ::archive_set_error(handle, EIO, "source");
      return ARCHIVE_FATAL;
    }
    bytes = *next;
  }
  state.start_given = true;
  state.offset += bytes.size();
  state.bytes_read += bytes.size();
  *out = bytes.data();
  return static_cast<la_ssize_t>(bytes.size());
}

la_int64_t Reader::State::OnSeek(::archive*, void* self, la_int64_t offset,
                                 int whence) {
  auto& state = *static_cast<State*>(self);
  const auto size = static_cast<la_int64_t>(state.source.size().value_or(0));
  const la_int64_t base = whence == SEEK_SET ? 0
                          : whence == SEEK_CUR
                              ? static_cast<la_int64_t>(state.offset)
                              : size;
  const la_int64_t to = std::clamp<la_int64_t>(base + offset, 0, size);
  state.start_given = true;  // From here on the source has it all.
  state.source.Seek(static_cast<std::uint64_t>(to));
  state.offset = static_cast<std::uint64_t>(to);
  return to;
}

Reader::Reader(std::unique_ptr<State> state) : state_(std::move(state)) {}
Reader::~Reader() = default;

std::uint64_t Reader::bytes_read() const { return state_->bytes_read; }

ArchiveFormat FormatOf(std::span<const std::byte> start) {
  const std::string_view text(reinterpret_cast<const char*>(start.data()),
                              start.size());
  for (const std::string_view zip :
       {"PK\x03\x04", "PK\x05\x06", "PK\x06\x06", "PK\x07\x08"}) {
    if (text.starts_with(zip)) return ArchiveFormat::kZip;
  }
  if (text.starts_with("7z\xbc\xaf\x27\x1c")) return ArchiveFormat::kSevenZip;
  return ArchiveFormat::kTar;
}

Result<std::unique_ptr<Reader>> Reader::Open(ByteSource& source,
                                             ArchiveFormat format) {
  auto state = std::make_unique<State>(source);
  DS_CHECK(state->handle != nullptr);
  DS_ASSIGN_OR_RETURN(state->locale, Utf8Locale::Set());
  DS_RETURN_IF_ERROR(state->ReadStart());
  if (state->start.empty()) {
    return Error{ErrorCode::kInvalidArgument, "the archive is empty"};
  }
  const ArchiveFormat found = FormatOf(state->start);
  if (format != ArchiveFormat::kAny && format != found) {
    return Error{ErrorCode::kInvalidArgument,
                 "the archive is " + std::string(NameOf(found)) +
                     " by its first bytes, and spec.format says that it is " +
                     std::string(NameOf(format))};
  }
  if (found != ArchiveFormat::kTar) {
    if (!source.seekable()) {
      return Error{ErrorCode::kFailedPrecondition,
                   std::string(NameOf(found)) +
                       " is read from its end, and this server gives no "
                       "ranges of a version (Range with ETag); put it into a "
                       "bucket (s3://…), or use a tar"};
    }
    source.Seek(0);
    state->start_given = true;
  }
  DS_RETURN_IF_ERROR(state->Enable(found));
  ::archive* const handle = state->handle;
  ::archive_read_set_callback_data(handle, state.get());
  ::archive_read_set_read_callback(handle, &State::OnRead);
  if (found != ArchiveFormat::kTar) {
    ::archive_read_set_seek_callback(handle, &State::OnSeek);
  }
  if (::archive_read_open1(handle) != ARCHIVE_OK) return state->Failed();
  return std::unique_ptr<Reader>(new Reader(std::move(state)));
}

Result<std::optional<Entry>> Reader::Next() {
  ::archive_entry* raw = nullptr;
  int done = ARCHIVE_RETRY;
  for (int n = 0; n < kHeaderAttemptsMax && done == ARCHIVE_RETRY; ++n) {
    done = ::archive_read_next_header(state_->handle, &raw);
  }
  if (done == ARCHIVE_EOF) {
    if (state_->error) return *state_->error;
    return std::optional<Entry>();
  }
  // A warning is about what we do not use, or about a name, which is checked.
  if (done != ARCHIVE_OK && done != ARCHIVE_WARN) return state_->Failed();
  Entry entry;
  entry.path = TextOf(::archive_entry_pathname(raw));
  entry.kind = KindOf(raw);
  if (entry.kind == EntryKind::kFile && ::archive_entry_size_is_set(raw) != 0) {
    entry.size_bytes = static_cast<std::uint64_t>(
        std::max<la_int64_t>(::archive_entry_size(raw), 0));
  }
  entry.link = entry.kind == EntryKind::kHardLink
                   ? TextOf(::archive_entry_hardlink(raw))
                   : TextOf(::archive_entry_symlink(raw));
  entry.is_encrypted = ::archive_entry_is_encrypted(raw) != 0;
  return std::optional(std::move(entry));
}

Result<std::size_t> Reader::Read(std::span<std::byte> out) {
  const la_ssize_t got =
      ::archive_read_data(state_->handle, out.data(), out.size());
  // A warning here is about content: a checksum is wrong.
  if (got < 0) return state_->Failed();
  return static_cast<std::size_t>(got);
}

}  // namespace datashim::archive
