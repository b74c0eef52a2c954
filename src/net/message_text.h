// The heads of HTTP messages as bytes. Pure. Internal to net.

#pragma once

#include <string>

#include "base/result.h"
#include "net/http_client.h"

namespace datashim::net {

/// Request line and fields up to and with the empty line.
/// @return kInvalidArgument if method, target or a field has a character that
///     would change the meaning of what follows; names the field only.
Result<std::string> FormatRequestHead(const HttpCall& call);

/// Status line and fields up to and with the empty line. A field that would
/// change the meaning of what follows is a bug of the handler: then the answer
/// is the status 500, without the handler's fields.
std::string FormatResponseHead(const HttpResponse& response, bool keep_alive);

}  // namespace datashim::net
