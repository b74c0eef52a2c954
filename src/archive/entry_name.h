// The names of an archive's entries as keys of objects, and what its links
// point to. Pure: names come from strangers, and nothing outside the place that
// is unpacked to can be named by what comes out of here.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::archive {

/// Linux's NAME_MAX: a longer part of a path could not be seen in a mount.
inline constexpr std::size_t kNameBytesMax = 255;
/// S3's limit of a key; the place's own prefix counts.
inline constexpr std::size_t kKeyBytesMax = 1024;

/// The key of an entry: its path without "." and empty parts. "" for the root
/// of the archive itself ("./").
/// @param key_bytes_max what is left for it of kKeyBytesMax.
/// @return kInvalidArgument, without the path, for what is no path below the
///     root: absolute, with ".." parts, parts or a whole that are too long, no
///     UTF-8, control characters.
Result<std::string> KeyOfEntry(std::string_view path,
                               std::size_t key_bytes_max = kKeyBytesMax);

/// The key that a symbolic link points to. @param link the link's own key.
/// @return "" for the root; kInvalidArgument for a target that leaves the
///     archive, or that KeyOfEntry would refuse.
Result<std::string> KeyOfLinkTarget(std::string_view link,
                                    std::string_view target);

}  // namespace datashim::archive
