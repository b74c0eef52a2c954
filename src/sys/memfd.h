// Memory that outlives a process: memfd files that are handed to another
// process as descriptors.

#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "sys/unique_fd.h"

namespace datashim::sys {

/// An empty anonymous file that can be sealed; `name` shows in /proc only.
Result<UniqueFd> CreateMemfd(const std::string& name);

/// True if `fd` is a memfd (any file that has seals).
bool IsMemfd(const UniqueFd& fd);

}  // namespace datashim::sys
