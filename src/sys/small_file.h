// Small files: read with a bound, written whole or not at all.

#pragma once

#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::sys {

/// The whole file; kResourceExhausted when it has more than `bytes_max`.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

/// Replaces `path` by a file with this content: written beside it, fsynced,
/// renamed. A reader sees the old or the new content, also after a power cut.
Status WriteFileAtomically(const std::string& path, std::string_view content,
                           mode_t mode = 0600);

}  // namespace datashim::sys
