#include "node/mount_source.h"

namespace datashim::node {

Result<MountSource> ParseMountSource(std::string_view source) {
  constexpr std::string_view kScheme = "s3://";
  const Error malformed{
      ErrorCode::kInvalidArgument,
      "source \"" + std::string(source) + "\" is not s3://bucket[/prefix]"};
  if (!source.starts_with(kScheme)) return malformed;
  const std::string_view rest = source.substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  MountSource result;
  result.bucket = rest.substr(0, slash);
  if (slash != rest.npos) result.prefix = rest.substr(slash + 1);
  if (!result.prefix.empty() && !result.prefix.ends_with('/')) {
    result.prefix += '/';
  }
  if (result.bucket.empty() || result.prefix.starts_with('/') ||
      result.prefix.find("//") != std::string::npos) {
    return malformed;
  }
  return result;
}

}  // namespace datashim::node
