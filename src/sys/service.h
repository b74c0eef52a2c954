// A process that serves without privileges until it is told to stop.

#pragma once

#include <functional>
#include <stop_token>
#include <string>

#include "base/result.h"

namespace datashim::sys {

/// Sets the log level, drops every privilege and calls `serve`, whose token is
/// stopped by SIGTERM and SIGINT. `name` is for the log, such as "node".
/// @return the exit code of the process: 0, 1 if it cannot serve, 2 for an
///     unknown log level.
int RunService(const std::string& name, const std::string& log_level,
               const std::function<Status(std::stop_token)>& serve);

}  // namespace datashim::sys
