#include "dataset/place.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace datashim::dataset {
namespace {

constexpr std::string_view kServiceSuffix = ".svc";

/// "host:port" as one server has it. `endpoint` has been parsed before.
std::string ServerOf(std::string_view endpoint) {
  const bool is_tls = endpoint.starts_with("https://");
  const std::size_t scheme = endpoint.find("://");
  if (scheme != endpoint.npos) endpoint.remove_prefix(scheme + 3);
  std::string host = ToLower(endpoint);
  std::string port = is_tls ? "443" : "80";
  const std::size_t colon = host.rfind(':');
  if (colon != host.npos && host.find(']', colon) == host.npos) {
    port = host.substr(colon + 1);
    host.resize(colon);
  }
  const std::size_t service = host.find(kServiceSuffix);
  if (service != host.npos) {
    const std::size_t end = service + kServiceSuffix.size();
    if (end == host.size() || host[end] == '.') host.resize(service);
  }
  return host + ":" + port;
}

}  // namespace

bool ShareBucket(const VolumeConfig& a, const VolumeConfig& b) {
  if (a.bucket != b.bucket) return false;
  const std::string server_a = ServerOf(a.endpoint);
  const std::string server_b = ServerOf(b.endpoint);
  return server_a == server_b;
}

bool ShareData(const VolumeConfig& a, const VolumeConfig& b) {
  return ShareBucket(a, b) &&
         (a.prefix.starts_with(b.prefix) || b.prefix.starts_with(a.prefix));
}

}  // namespace datashim::dataset
