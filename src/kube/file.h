// Reading of small files whole.

#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace datashim::kube {

/// @return kNotFound if there is no such file, kInvalidArgument if it is larger
///     than `bytes_max`, kFailedPrecondition if it cannot be read; messages
///     begin with the path.
Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max);

}  // namespace datashim::kube
