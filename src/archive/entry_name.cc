#include "archive/entry_name.h"

#include <algorithm>
#include <vector>

#include "base/strings.h"

namespace datashim::archive {
namespace {

Error Invalid(std::string why) {
  return {ErrorCode::kInvalidArgument, std::move(why)};
}

/// The bytes of the character that starts with `lead`; 0 if none does.
std::size_t LengthOf(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

/// RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto at = [&](std::size_t n) {
      return static_cast<unsigned char>(text[i + n]);
    };
    const std::size_t length = LengthOf(at(0));
    if (length == 0 || length > text.size() - i) return false;
    for (std::size_t n = 1; n < length; ++n) {
      if ((at(n) & 0xc0) != 0x80) return false;
    }
    if ((at(0) == 0xe0 && at(1) < 0xa0) || (at(0) == 0xed && at(1) > 0x9f) ||
        (at(0) == 0xf0 && at(1) < 0x90) || (at(0) == 0xf4 && at(1) > 0x8f)) {
      return false;
    }
    i += length;
  }
  return true;
}

Status CheckText(std::string_view path) {
  const bool has_control = std::any_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (has_control) return Invalid("its name has control characters");
  if (!IsUtf8(path)) return Invalid("its name is no UTF-8");
  return OkStatus();
}

/// Walks `path` from `parts`. ".." is for links only.
Status Walk(std::string_view path, bool may_climb,
            std::vector<std::string_view>& parts) {
  for (const std::string_view part : Split(path, '/')) {
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (!may_climb) return Invalid("its path has a \"..\" part");
      if (parts.empty()) return Invalid("it points out of the archive");
      parts.pop_back();
      continue;
    }
    if (part.size() > kNameBytesMax) {
      return Invalid("a part of its path has more than " +
                     std::to_string(kNameBytesMax) + " bytes");
    }
    parts.push_back(part);
  }
  return OkStatus();
}

std::string JoinParts(const std::vector<std::string_view>& parts) {
  std::string key;
  for (const std::string_view part : parts) {
    if (!key.empty()) key += '/';
    key += part;
  }
  return key;
}

}  // namespace

Result<std::string> KeyOfEntry(std::string_view path,
                               std::size_t key_bytes_max) {
  if (path.empty()) return Invalid("it has no name");
  if (path.starts_with('/')) return Invalid("its path is absolute");
  DS_RETURN_IF_ERROR(CheckText(path));
  std::vector<std::string_view> parts;
  DS_RETURN_IF_ERROR(Walk(path, /*may_climb=*/false, parts));
  std::string key = JoinParts(parts);
  if (key.size() > key_bytes_max) {
    return Invalid("its path has " + std::to_string(key.size()) +
                   " bytes; at most " + std::to_string(key_bytes_max) +
                   " fit into a key of the bucket");
  }
  return key;
}

Result<std::string> KeyOfLinkTarget(std::string_view link,
                                    std::string_view target) {
  if (target.empty()) return Invalid("it points to nothing");
  if (target.starts_with('/')) {
    return Invalid("it points to an absolute path");
  }
  DS_RETURN_IF_ERROR(CheckText(target));
  std::vector<std::string_view> parts;
  DS_RETURN_IF_ERROR(Walk(link, /*may_climb=*/false, parts));
  if (!parts.empty()) parts.pop_back();  // Relative to its directory.
  DS_RETURN_IF_ERROR(Walk(target, /*may_climb=*/true, parts));
  return JoinParts(parts);
}

}  // namespace datashim::archive
