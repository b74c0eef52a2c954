// Which host and path a bucket and key have, for every style of addressing.
// Pure.

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "net/url.h"

namespace datashim::s3 {

/// Where requests start from. Immutable.
struct Endpoint {
  net::Origin origin;
  std::string base_path;  ///< Without '/' at its end; mostly empty.
  bool path_style = true;
  /// The host is AWS's, so that it depends on the region of the bucket.
  bool is_aws = false;
  /// The region in the name of an AWS host; empty: none.
  std::string region;

  /// For messages: "https://s3.amazonaws.com".
  std::string ToString() const { return origin.ToString() + base_path; }
};

/// @param url  empty: AWS in `region`.
/// @return kInvalidArgument, naming what is wrong.
Result<Endpoint> ParseEndpoint(std::string_view url, std::string_view region,
                               bool path_style);

/// Where a request goes.
struct Location {
  net::Origin origin;
  std::string path;  ///< Percent-encoded, with '/' at its start.
};

/// `key` empty: the bucket itself. `bucket` must have passed CheckBucketName.
/// On AWS the host is that of `region`; elsewhere the region is no part of it.
Location Locate(const Endpoint& endpoint, std::string_view bucket,
                std::string_view key, std::string_view region);

/// Whether the text looks like a region, such as "eu-west-1". What a server
/// says goes into host names, so it is looked at first.
bool IsRegionName(std::string_view text);

}  // namespace datashim::s3
