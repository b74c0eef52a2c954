#include "s3/endpoint.h"

#include <algorithm>

#include "base/strings.h"
#include "s3/client.h"

namespace datashim::s3 {
namespace {

constexpr std::string_view kAwsDomains[] = {".amazonaws.com",
                                            ".amazonaws.com.cn"};

bool IsLowerOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool IsAddress(std::string_view host) {
  return host.find(':') != host.npos || std::ranges::all_of(host, [](char c) {
           return (c >= '0' && c <= '9') || c == '.';
         });
}

std::string AwsHost(std::string_view region) {
  std::string host = "s3." + std::string(region);
  host += region.starts_with("cn-") ? kAwsDomains[1] : kAwsDomains[0];
  return host;
}

// "s3.amazonaws.com", "s3.<region>.amazonaws.com" and "s3-<region>…": not
// access points, accelerate or FIPS names, which name one place only.
void DetectAws(Endpoint& endpoint) {
  std::string_view rest = endpoint.origin.host;
  const auto* domain = std::ranges::find_if(
      kAwsDomains, [&](std::string_view d) { return rest.ends_with(d); });
  if (domain == std::end(kAwsDomains) || !rest.starts_with("s3")) return;
  rest.remove_suffix(domain->size());
  rest.remove_prefix(2);
  if (rest.empty()) {
    endpoint.is_aws = true;
  } else if ((rest[0] == '.' || rest[0] == '-') &&
             IsRegionName(rest.substr(1)) && rest.substr(1) != "accelerate") {
    endpoint.is_aws = true;
    endpoint.region = rest.substr(1);
  }
}

}  // namespace

bool IsRegionName(std::string_view text) {
  return !text.empty() && text.size() <= 32 && IsLowerOrDigit(text.front()) &&
         IsLowerOrDigit(text.back()) && std::ranges::all_of(text, [](char c) {
           return IsLowerOrDigit(c) || c == '-';
         });
}

Result<Endpoint> ParseEndpoint(std::string_view url, std::string_view region,
                               bool path_style) {
  if (!region.empty() && !IsRegionName(region)) {
    return Error{ErrorCode::kInvalidArgument,
                 "region \"" + std::string(region) +
                     "\" is no name of a region such as us-east-1"};
  }
  Endpoint endpoint;
  endpoint.path_style = path_style;
  if (url.empty()) {
    endpoint.region = region.empty() ? "us-east-1" : region;
    endpoint.origin = {true, AwsHost(endpoint.region), 443};
    endpoint.is_aws = true;
    return endpoint;
  }
  auto parsed = net::ParseUrl(url);
  if (!parsed.ok()) return parsed.error().Wrap("endpoint");
  if (!parsed->query.empty()) {
    return Error{ErrorCode::kInvalidArgument, "endpoint: URL: it has a query"};
  }
  endpoint.origin = parsed->origin;
  endpoint.base_path = parsed->path;
  while (endpoint.base_path.ends_with('/')) endpoint.base_path.pop_back();
  DetectAws(endpoint);
  return endpoint;
}

Location Locate(const Endpoint& endpoint, std::string_view bucket,
                std::string_view key, std::string_view region) {
  Location location{endpoint.origin, endpoint.base_path};
  if (endpoint.is_aws && !region.empty() && region != endpoint.region) {
    location.origin.host = AwsHost(region);
  }
  // A certificate for *.example.com does not cover a.b.example.com, and an
  // address has no names below it.
  const bool no_virtual_host =
      (endpoint.origin.tls && bucket.find('.') != bucket.npos) ||
      IsAddress(endpoint.origin.host);
  if (endpoint.path_style || no_virtual_host) {
    location.path.append("/").append(bucket);
  } else {
    location.origin.host = std::string(bucket) + "." + location.origin.host;
  }
  if (!key.empty() || location.path.empty()) location.path += '/';
  location.path += UriEncode(key, /*keep_slash=*/true);
  return location;
}

Status CheckBucketName(std::string_view bucket) {
  const auto invalid = [&](std::string_view why) {
    return Error{ErrorCode::kInvalidArgument,
                 "bucket \"" + std::string(bucket.substr(0, 64)) +
                     "\": " + std::string(why)};
  };
  if (bucket.size() < 3 || bucket.size() > 255) {
    return invalid("a name has 3 to 63 characters");
  }
  const auto is_letter_or_digit = [](char c) {
    return IsLowerOrDigit(c) || (c >= 'A' && c <= 'Z');
  };
  if (!std::ranges::all_of(bucket, [&](char c) {
        return is_letter_or_digit(c) || c == '-' || c == '.' || c == '_';
      })) {
    return invalid("a name has only letters, digits, '-' and '.'");
  }
  // Also keeps "..", which is no name but a path, out of the URL.
  if (!is_letter_or_digit(bucket.front())) {
    return invalid("a name starts with a letter or digit");
  }
  return OkStatus();
}

}  // namespace datashim::s3
