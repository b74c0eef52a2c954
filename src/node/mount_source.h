// "s3://bucket/prefix" as values. Pure.

#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace datashim::node {

/// Where `datashim mount` finds its objects.
struct MountSource {
  std::string bucket;
  std::string prefix;  ///< Without leading '/', with trailing '/' if not empty.

  friend bool operator==(const MountSource&, const MountSource&) = default;
};

/// @return kInvalidArgument, naming the source, for anything but
///     s3://bucket[/prefix[/]]. An empty component of the prefix ("a//b") is
///     refused, because no path could name what is below it.
Result<MountSource> ParseMountSource(std::string_view source);

}  // namespace datashim::node
