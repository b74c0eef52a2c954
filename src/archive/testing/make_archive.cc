#include "archive/testing/make_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <locale.h>

#include "base/check.h"

namespace datashim::archive {
namespace {

constexpr int kFileMode = 0644;

void SetFormat(::archive* writer, MadeFormat format) {
  switch (format) {
    case MadeFormat::kTar:
      ::archive_write_set_format_pax_restricted(writer);
      break;
    case MadeFormat::kTarGz:
      ::archive_write_set_format_pax_restricted(writer);
      ::archive_write_add_filter_gzip(writer);
      break;
    case MadeFormat::kZip:
      ::archive_write_set_format_zip(writer);
      break;
    case MadeFormat::kSevenZip:
      ::archive_write_set_format_7zip(writer);
      break;
  }
}

unsigned int TypeOf(MadeEntry::Kind kind) {
  switch (kind) {
    case MadeEntry::Kind::kDirectory:
      return AE_IFDIR;
    case MadeEntry::Kind::kSymbolicLink:
      return AE_IFLNK;
    case MadeEntry::Kind::kFifo:
      return AE_IFIFO;
    default:
      return AE_IFREG;
  }
}

void Add(::archive* writer, const MadeEntry& made) {
  ::archive_entry* const entry = ::archive_entry_new();
  ::archive_entry_copy_pathname(entry, made.path.c_str());
  ::archive_entry_set_filetype(entry, TypeOf(made.kind));
  ::archive_entry_set_perm(entry, kFileMode);
  const bool is_file = made.kind == MadeEntry::Kind::kFile;
  if (is_file) {
    ::archive_entry_set_size(entry,
                             static_cast<la_int64_t>(made.content.size()));
  } else if (made.kind == MadeEntry::Kind::kSymbolicLink) {
    ::archive_entry_copy_symlink(entry, made.content.c_str());
  } else if (made.kind == MadeEntry::Kind::kHardLink) {
    ::archive_entry_copy_hardlink(entry, made.content.c_str());
  }
  // A warning is about names that are no text, which tests want.
  DS_CHECK(::archive_write_header(writer, entry) >= ARCHIVE_WARN);
  if (is_file) {
    DS_CHECK(::archive_write_data(writer, made.content.data(),
                                  made.content.size()) ==
             static_cast<la_ssize_t>(made.content.size()));
  }
  ::archive_entry_free(entry);
}

la_ssize_t OnWrite(::archive*, void* out, const void* data, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

std::string MakeArchive(MadeFormat format,
                        const std::vector<MadeEntry>& entries) {
  std::string text;
  // Names are UTF-8.
  const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = ::uselocale(locale);
  ::archive* const writer = ::archive_write_new();
  SetFormat(writer, format);
  DS_CHECK(::archive_write_open(writer, &text, nullptr, &OnWrite, nullptr) ==
           ARCHIVE_OK);
  for (const MadeEntry& entry : entries) Add(writer, entry);
  DS_CHECK(::archive_write_free(writer) == ARCHIVE_OK);
  ::uselocale(before);
  ::freelocale(locale);
  return text;
}

}  // namespace datashim::archive
