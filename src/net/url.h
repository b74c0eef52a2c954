// URLs of HTTP servers, parsed once and strictly. Opens no connection.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::net {

/// A longer URL is refused. Servers stop at 8 KiB or before.
inline constexpr std::size_t kUrlBytesMax = 8192;

/// What a connection goes to.
struct Origin {
  bool tls = false;
  std::string host;  ///< Lower case; an IPv6 address has no brackets.
  std::uint16_t port = 0;

  /// Value of the Host header: brackets around IPv6, no default port.
  std::string HostHeader() const;
  /// "https://host:port", without a default port.
  std::string ToString() const;

  friend auto operator<=>(const Origin&, const Origin&) = default;
};

/// scheme://host[:port][/path][?query]. Path and query stay percent-encoded
/// as they came.
struct Url {
  Origin origin;
  std::string path;   ///< Starts with '/'; "/" when the text has none.
  std::string query;  ///< Without '?'.

  /// Path and query as the request line has them.
  std::string Target() const;
  std::string ToString() const;

  friend bool operator==(const Url&, const Url&) = default;
};

/// Takes http and https with a host name, IPv4 or [IPv6] address.
/// @return kInvalidArgument, saying what is wrong, for anything else: user
///     names and passwords, fragments, spaces, control and non-ASCII
///     characters, port 0. The text is not quoted when it may hold a password.
Result<Url> ParseUrl(std::string_view text);

}  // namespace datashim::net
