// The head of an HTTP request as bytes. Pure. Internal to net.

#pragma once

#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace datashim::net {

/// Request line and fields up to and with the empty line.
/// @return kInvalidArgument if method, target or a field has a character that
///     would change the meaning of what follows; names the field only.
Result<std::string> FormatRequestHead(const HttpCall& call);

}  // namespace datashim::net
