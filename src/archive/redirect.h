// Where an answer with a Location sends us. Pure.

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"

namespace datashim::archive {

/// @param location of the header field: a URL, or a reference to one that
///     begins with "//", "/" or "?" (RFC 9110, 10.2.2).
/// @return kPermissionDenied for a way from https to http, and for one to the
///     machine itself or a link-local address from elsewhere;
///     kInvalidArgument for what is no URL. Messages name hosts only.
Result<net::Url> FollowRedirect(const net::Url& from,
                                std::string_view location);

}  // namespace datashim::archive
