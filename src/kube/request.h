// What a call of the Kubernetes API is on the wire: the pure part of client.h.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "kube/client.h"
#include "kube/object.h"
#include "net/http_message.h"

namespace datashim::kube {

/// What to do to a resource; RBAC calls both patches and apply "patch".
enum class Verb {
  kGet,
  kList,
  kWatch,
  kCreate,
  kUpdate,
  kApply,
  kMergePatch,
  kJsonPatch,
  kDelete
};

using Query = std::vector<std::pair<std::string_view, std::string>>;

/// One HTTP request but for its host and credentials.
struct Request {
  std::string method;
  std::string target;  ///< Path and query.
  std::string_view content_type;
  std::string body;
  /// Doing it twice does no harm, so it may be sent again when nobody knows
  /// whether it was done.
  bool idempotent = false;
  std::string what;  ///< "get configmaps default/x"
};

/// `query` entries with an empty value are left out.
Request MakeRequest(Verb verb, const ResourceType& type, const ObjectKey& key,
                    std::string_view subresource, const Query& query);

Request MakeListRequest(const ResourceType& type,
                        std::string_view namespace_name,
                        const ListOptions& options,
                        std::string_view continue_token);
Request MakeWatchRequest(const ResourceType& type,
                         std::string_view namespace_name,
                         const WatchOptions& options);
Request MakeDeleteRequest(const ResourceType& type, const ObjectKey& key,
                          const DeleteOptions& options);

/// The text of a value that goes to the API server. Bytes that are no UTF-8
/// become U+FFFD.
std::string DumpJson(const Json& value);

/// True if an answer of this HTTP status (0: there was none) may be tried
/// again: always when the server refused it for load (429), else only if the
/// request is idempotent and the trouble is the server's or the network's.
bool MayRetry(const Request& request, int http_status);

/// Value of Retry-After in seconds, at most a minute; nullopt if there is none
/// (or a date, which the API server does not send).
std::optional<Duration> RetryAfter(const net::HttpHeaders& headers);

}  // namespace datashim::kube
