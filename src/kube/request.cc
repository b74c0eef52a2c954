#include "kube/request.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/strings.h"

namespace datashim::kube {
namespace {

constexpr std::int64_t kRetryAfterSecondsMax = 60;

struct VerbEntry {
  Verb verb;
  std::string_view word;
  std::string_view method;
  std::string_view content_type;
  bool idempotent;
};
// An update is not: sent twice it conflicts with itself.
constexpr VerbEntry kVerbs[] = {
    {Verb::kGet, "get", "GET", "", true},
    {Verb::kList, "list", "GET", "", true},
    {Verb::kWatch, "watch", "GET", "", true},
    {Verb::kCreate, "create", "POST", "application/json", false},
    {Verb::kUpdate, "update", "PUT", "application/json", false},
    {Verb::kApply, "apply", "PATCH", "application/apply-patch+yaml", true},
    {Verb::kMergePatch, "patch", "PATCH", "application/merge-patch+json", true},
    {Verb::kJsonPatch, "patch", "PATCH", "application/json-patch+json", false},
    {Verb::kDelete, "delete", "DELETE", "application/json", true},
};

}  // namespace

Request MakeRequest(Verb verb, const ResourceType& type, const ObjectKey& key,
                    std::string_view subresource, const Query& query) {
  const VerbEntry& entry = *std::find_if(
      std::begin(kVerbs), std::end(kVerbs),
      [&](const VerbEntry& candidate) { return candidate.verb == verb; });
  Request request = {
      .method = std::string(entry.method),
      // A create goes to the collection; the name is in the body.
      .target = type.Path({key.namespace_name,
                           verb == Verb::kCreate ? std::string() : key.name},
                          subresource),
      .content_type = entry.content_type,
      .body = {},
      .idempotent = entry.idempotent,
      .what = std::string(entry.word) + " " + std::string(type.plural)};
  if (!subresource.empty()) request.what += "/" + std::string(subresource);
  if (const std::string name = key.ToString(); !name.empty()) {
    request.what += " " + name;
  }
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (value.empty()) continue;
    request.target += separator + std::string(name) + "=" +
                      UriEncode(value, /*keep_slash=*/false);
    separator = '&';
  }
  return request;
}

Request MakeListRequest(const ResourceType& type,
                        std::string_view namespace_name,
                        const ListOptions& options,
                        std::string_view continue_token) {
  return MakeRequest(Verb::kList, type, {std::string(namespace_name), ""}, "",
                     {{"limit", std::to_string(options.page_items)},
                      {"continue", std::string(continue_token)},
                      {"labelSelector", options.label_selector},
                      {"fieldSelector", options.field_selector}});
}

Request MakeWatchRequest(const ResourceType& type,
                         std::string_view namespace_name,
                         const WatchOptions& options) {
  return MakeRequest(
      Verb::kWatch, type, {std::string(namespace_name), ""}, "",
      {{"watch", "true"},
       {"allowWatchBookmarks", "true"},
       {"resourceVersion", options.resource_version},
       {"timeoutSeconds", std::to_string(options.timeout.count())},
       {"labelSelector", options.label_selector},
       {"fieldSelector", options.field_selector}});
}

Request MakeDeleteRequest(const ResourceType& type, const ObjectKey& key,
                          const DeleteOptions& options) {
  static constexpr std::string_view kPolicies[] = {"Background", "Foreground",
                                                   "Orphan"};
  Json body = {
      {"apiVersion", "v1"},
      {"kind", "DeleteOptions"},
      {"propagationPolicy", kPolicies[static_cast<int>(options.propagation)]}};
  if (!options.uid.empty()) body["preconditions"]["uid"] = options.uid;
  if (!options.resource_version.empty()) {
    body["preconditions"]["resourceVersion"] = options.resource_version;
  }
  Request request = MakeRequest(Verb::kDelete, type, key, "", {});
  request.body = DumpJson(body);
  return request;
}

std::string DumpJson(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool MayRetry(const Request& request, int http_status) {
  if (http_status == 429) return true;
  return request.idempotent && (http_status == 0 || http_status >= 500);
}

std::optional<Duration> RetryAfter(const net::HttpHeaders& headers) {
  const auto seconds =
      ParseInt(headers.Get("Retry-After"), 0, INT64_C(1) << 31);
  if (!seconds) return std::nullopt;
  return std::chrono::seconds(std::min(*seconds, kRetryAfterSecondsMax));
}

}  // namespace datashim::kube
