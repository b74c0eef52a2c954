// A typed-by-URL client of the Kubernetes API. Not responsible for caching
// (informer.h) nor for deciding what to write.

#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "kube/config.h"
#include "kube/object.h"

namespace datashim::kube {

struct WatchEvent;

/// How a Client presents and restrains itself.
struct ClientOptions {
  /// Who owns the fields that Apply sets, and who events are from.
  std::string field_manager = "datashim";
  std::string user_agent = "datashim/" DATASHIM_VERSION;
  /// Client-side rate limit over all calls, so that a bug of ours cannot
  /// flood the API server. A call waits for its turn.
  double requests_per_second = 50;
  double requests_burst = 100;
  /// Tries of one call, the first included. Again is tried what is idempotent
  /// (all but create, update and JSON patch) and failed in the network or with
  /// 5xx, and any call that was refused with 429.
  int attempts_max = 5;
  std::size_t response_bytes_max = 32u << 20;
};

/// Which objects to list, and how many at a time. Selectors as kubectl has
/// them; empty: all.
struct ListOptions {
  std::string label_selector{};
  std::string field_selector{};
  int page_items = 500;  ///< What kubectl and client-go ask for at a time.
};

/// Objects of one kind as of one resourceVersion.
struct ObjectList {
  std::vector<Json> items;  ///< With apiVersion and kind filled in.
  std::string resource_version;
  std::string continue_token;  ///< Empty on the last page and in List().
};

/// How server-side apply treats the fields of others.
struct ApplyOptions {
  /// Take fields from other managers instead of failing with kAborted.
  bool force = true;
  std::string field_manager{};  ///< Empty: that of the client.
};

/// RFC 7386 (merge) or RFC 6902 (a list of operations).
enum class PatchType { kMerge, kJson };

/// What becomes of the objects that the deleted one owns.
enum class Propagation { kBackground, kForeground, kOrphan };

/// How to delete, and which object exactly.
struct DeleteOptions {
  Propagation propagation = Propagation::kBackground;
  /// Preconditions; empty: none. A mismatch is kAborted.
  std::string uid{};
  std::string resource_version{};
};

/// Which changes to watch, from when and for how long.
struct WatchOptions {
  std::string label_selector{};
  std::string field_selector{};
  std::string resource_version{};
  std::chrono::seconds timeout{300};  ///< After which the server ends it.
  /// Silence after which the connection is taken for dead. The API server
  /// sends a bookmark about every minute.
  std::chrono::seconds idle_timeout{150};
};

/// Thread-safe; calls block their thread until the answer, the deadline or
/// RequestStop. Errors, see error_map.h: kNotFound, kAlreadyExists (create),
/// kAborted (conflict: read again, then write), kPermissionDenied,
/// kUnauthenticated, kInvalidArgument (422, 400), kOutOfRange (410 Gone),
/// kResourceExhausted (429), kUnavailable, kDeadlineExceeded, kCancelled.
/// Messages name verb, kind and object, and quote the API server.
class Client {
 public:
  /// @return kInvalidArgument if certificates, key or URL do not parse.
  static Result<std::unique_ptr<Client>> Make(Config config,
                                              ClientOptions options = {},
                                              Clock& clock = SystemClock());
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  Result<Json> Get(const ResourceType& type, const ObjectKey& key,
                   Deadline deadline);
  /// Like Get, for callers to whom absence is an answer.
  Result<std::optional<Json>> Find(const ResourceType& type,
                                   const ObjectKey& key, Deadline deadline);
  /// All pages. `namespace_name` empty: all namespaces.
  Result<ObjectList> List(const ResourceType& type,
                          std::string_view namespace_name,
                          const ListOptions& options, Deadline deadline);
  /// One page; `continue_token` empty: the first. kOutOfRange when the token
  /// has expired and the list must start again, kCancelled after `stop`.
  Result<ObjectList> ListPage(const ResourceType& type,
                              std::string_view namespace_name,
                              const ListOptions& options,
                              std::string_view continue_token,
                              Deadline deadline, std::stop_token stop = {});

  // Name and namespace of what is written come from its metadata. The writers
  // return the object as it is stored now.
  Result<Json> Create(const ResourceType& type, const Json& object,
                      Deadline deadline);
  /// Replaces the object if nobody changed it since it was read.
  /// REQUIRES: metadata.resourceVersion (else the write would be blind).
  Result<Json> Update(const ResourceType& type, const Json& object,
                      Deadline deadline);
  Result<Json> UpdateStatus(const ResourceType& type, const Json& object,
                            Deadline deadline);
  /// Server-side apply: creates the object or sets the fields that are there.
  Result<Json> Apply(const ResourceType& type, const Json& object,
                     const ApplyOptions& options, Deadline deadline);
  Result<Json> ApplyStatus(const ResourceType& type, const Json& object,
                           const ApplyOptions& options, Deadline deadline);
  Result<Json> Patch(const ResourceType& type, const ObjectKey& key,
                     PatchType patch_type, const Json& patch,
                     Deadline deadline);
  /// Asks for deletion; with finalizers the object is still there afterwards.
  /// kNotFound if it is gone already.
  Status Delete(const ResourceType& type, const ObjectKey& key,
                const DeleteOptions& options, Deadline deadline);

  /// Calls `on_event` on this thread for every event until the server ends
  /// the watch (ok), the connection fails or falls silent (kUnavailable), an
  /// ERROR event comes (its code; kOutOfRange: list again) or `stop` is
  /// requested (kCancelled).
  Status Watch(const ResourceType& type, std::string_view namespace_name,
               const WatchOptions& options,
               const std::function<void(WatchEvent)>& on_event,
               std::stop_token stop);

  const std::string& field_manager() const;
  const std::string& default_namespace() const;

  /// Ends calls that wait or run with kCancelled, and refuses new ones.
  void RequestStop();

 private:
  class Impl;
  Result<Json> ApplyTo(std::string_view subresource, const ResourceType& type,
                       const Json& object, const ApplyOptions& options,
                       Deadline deadline);
  explicit Client(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace datashim::kube
