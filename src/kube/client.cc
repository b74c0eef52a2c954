#include "kube/client.h"

#include <algorithm>
#include <iterator>
#include <mutex>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "kube/error_map.h"
#include "kube/json.h"
#include "kube/rate_limit.h"
#include "kube/request.h"
#include "kube/token_file.h"
#include "kube/watch.h"
#include "net/http_client.h"
#include "net/retry.h"
#include "net/url.h"

namespace datashim::kube {
namespace {

/// kube-apiserver closes idle connections after 90 s.
constexpr Duration kConnectionIdleTimeout = std::chrono::seconds(60);
/// How much longer than asked for a watch may live before we end it.
constexpr Duration kWatchGrace = std::chrono::seconds(30);

constexpr net::RetryPolicy kBackOff = {
    .delay_base = std::chrono::milliseconds(100),
    .delay_max = std::chrono::seconds(5)};

/// Stops when any of its sources does.
class AnyStop {
 public:
  AnyStop(const std::stop_token& a, const std::stop_token& b)
      : on_a_(a, Request{source_}), on_b_(b, Request{source_}) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Request {
    std::stop_source source;
    void operator()() { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Request> on_a_;
  std::stop_callback<Request> on_b_;
};

}  // namespace

class Client::Impl {
 public:
  Impl(Config config, ClientOptions options, net::Url base, Clock& clock,
       std::unique_ptr<net::HttpClient> http)
      : options_(std::move(options)),
        base_(std::move(base)),
        default_namespace_(std::move(config.default_namespace)),
        token_(std::move(config.token)),
        clock_(clock),
        http_(std::move(http)),
        bucket_(options_.requests_per_second, options_.requests_burst,
                clock.Now()) {
    if (token_.empty() && !config.token_file.empty()) {
      token_file_ = std::make_unique<TokenFile>(config.token_file, clock);
    }
  }

  /// The JSON object that a 2xx answer holds.
  Result<Json> SendForObject(const Request& request, Deadline deadline,
                             const std::stop_token& stop = {});
  Status Watch(const Request& request, const WatchOptions& options,
               const std::function<void(WatchEvent)>& on_event,
               const std::stop_token& stop);
  Request MakeWrite(Verb verb, const ResourceType& type, const ObjectKey& key,
                    std::string_view subresource, const Json& body) const;

  const ClientOptions& options() const { return options_; }
  const std::string& default_namespace() const { return default_namespace_; }
  void RequestStop() {
    stop_.request_stop();
    http_->RequestStop();
  }

 private:
  Result<net::HttpResponse> Send(const Request& request, Deadline deadline,
                                 const std::stop_token& stop);
  Status WaitForTurn(Deadline deadline, const std::stop_token& stop);
  Result<net::HttpCall> MakeCall(const Request& request);

  const ClientOptions options_;
  const net::Url base_;
  const std::string default_namespace_;
  const SecretString token_;
  std::unique_ptr<TokenFile> token_file_;
  Clock& clock_;
  const std::unique_ptr<net::HttpClient> http_;
  net::RetryBudget retry_budget_;
  std::stop_source stop_;
  std::mutex mutex_;
  TokenBucket bucket_;  // Guarded by mutex_.
};

Status Client::Impl::WaitForTurn(Deadline deadline,
                                 const std::stop_token& stop) {
  std::optional<Duration> wait;
  {
    const std::lock_guard lock(mutex_);
    wait = bucket_.Take(clock_.Now(), deadline.Remaining(clock_));
  }
  if (!wait) {
    return Error{ErrorCode::kDeadlineExceeded,
                 "no turn under the client's rate limit before the deadline"};
  }
  if (stop.stop_requested() ||
      (*wait > Duration::zero() && !clock_.SleepFor(*wait, stop))) {
    return Error{ErrorCode::kCancelled, "the client is stopping"};
  }
  return OkStatus();
}

Result<net::HttpCall> Client::Impl::MakeCall(const Request& request) {
  net::HttpCall call;
  call.method = request.method;
  call.origin = base_.origin;
  call.target =
      base_.path == "/" ? request.target : base_.path + request.target;
  call.body = request.body;
  call.replayable = request.idempotent;
  call.headers.Add("Accept", "application/json");
  call.headers.Add("User-Agent", options_.user_agent);
  if (!request.body.empty()) {
    call.headers.Add("Content-Type", std::string(request.content_type));
  }
  SecretString token = token_;
  if (token_file_ != nullptr) {
    DS_ASSIGN_OR_RETURN(token, token_file_->Token());
  }
  if (!token.empty()) {
    call.headers.Add("Authorization", "Bearer " + token.Reveal());
  }
  return call;
}

Result<net::HttpResponse> Client::Impl::Send(const Request& request,
                                             Deadline deadline,
                                             const std::stop_token& stop) {
  net::RetryPolicy policy = kBackOff;
  policy.attempts_max = options_.attempts_max;
  net::RetrySchedule schedule(policy, retry_budget_, deadline, clock_,
                              net::SystemRandom());
  bool may_renew_token = token_file_ != nullptr;
  for (;;) {
    DS_RETURN_IF_ERROR(WaitForTurn(deadline, stop));
    DS_ASSIGN_OR_RETURN(net::HttpCall call, MakeCall(request));
    call.deadline = deadline;
    call.stop = stop;
    auto response = http_->Fetch(call, options_.response_bytes_max);
    const int status = response.ok() ? response->status : 0;
    if (status >= 200 && status < 300) {
      retry_budget_.OnSuccess();
      return response;
    }
    if (status == 401 && std::exchange(may_renew_token, false)) {
      token_file_->Expire();
      continue;
    }
    const bool is_final =
        !MayRetry(request, status) ||
        (!response.ok() && response.error().code != ErrorCode::kUnavailable);
    std::optional<Duration> wait;
    if (!is_final) {
      wait = schedule.Next(response.ok() ? RetryAfter(response->headers)
                                         : std::nullopt);
    }
    if (!wait || !clock_.SleepFor(*wait, stop)) {
      if (!response.ok()) return response.error();
      return ErrorOfResponse(status, response->body);
    }
  }
}

Result<Json> Client::Impl::SendForObject(const Request& request,
                                         Deadline deadline,
                                         const std::stop_token& stop) {
  const AnyStop any_stop(stop, stop_.get_token());
  auto response = Send(request, deadline, any_stop.token());
  if (!response.ok()) return response.error().Wrap(request.what);
  auto object = ParseJsonObject(response->body);
  if (!object.ok()) return object.error().Wrap(request.what);
  return object;
}

Status Client::Impl::Watch(const Request& request, const WatchOptions& options,
                           const std::function<void(WatchEvent)>& on_event,
                           const std::stop_token& stop) {
  const AnyStop any_stop(stop, stop_.get_token());
  const auto deadline =
      Deadline::After(Duration(options.timeout) + kWatchGrace, clock_);
  DS_RETURN_IF_ERROR(WaitForTurn(deadline, any_stop.token()));
  DS_ASSIGN_OR_RETURN(net::HttpCall call, MakeCall(request));
  call.deadline = deadline;
  call.stop = any_stop.token();
  call.idle_timeout = options.idle_timeout;

  WatchParser parser;
  Status parsed = OkStatus();
  auto response = http_->FetchStream(call, [&](std::string_view bytes) {
    std::vector<WatchEvent> events;
    parsed = parser.Feed(bytes, events);
    for (WatchEvent& event : events) on_event(std::move(event));
    return parsed.ok();
  });
  if (!parsed.ok()) return parsed.error();
  if (!response.ok()) return response.error();
  if (response->status == 401 && token_file_ != nullptr) {
    token_file_->Expire();
  }
  if (response->status != 200) {
    return ErrorOfResponse(response->status, response->body);
  }
  return OkStatus();
}

Request Client::Impl::MakeWrite(Verb verb, const ResourceType& type,
                                const ObjectKey& key,
                                std::string_view subresource,
                                const Json& body) const {
  Request request = MakeRequest(verb, type, key, subresource,
                                {{"fieldManager", options_.field_manager}});
  request.body = DumpJson(body);
  return request;
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::~Client() = default;

Result<std::unique_ptr<Client>> Client::Make(Config config,
                                             ClientOptions options,
                                             Clock& clock) {
  auto base = net::ParseUrl(config.server);
  if (!base.ok()) return base.error().Wrap("API server");
  while (base->path.size() > 1 && base->path.back() == '/') {
    base->path.pop_back();
  }
  net::HttpClientOptions http_options;
  http_options.tls = {.ca_bundle_pem = config.ca_pem,
                      .client_certificate_pem = config.client_certificate_pem,
                      .client_key_pem = config.client_key_pem,
                      .server_name = config.tls_server_name,
                      .insecure_skip_verify = config.insecure_skip_tls_verify};
  http_options.idle_timeout = kConnectionIdleTimeout;
  auto http = net::HttpClient::Make(std::move(http_options));
  if (!http.ok()) return http.error().Wrap("API server " + config.server);
  return std::unique_ptr<Client>(new Client(
      std::make_unique<Impl>(std::move(config), std::move(options),
                             std::move(*base), clock, std::move(*http))));
}

Result<Json> Client::Get(const ResourceType& type, const ObjectKey& key,
                         Deadline deadline) {
  DS_CHECK(!key.name.empty());  // Else it would be a list.
  return impl_->SendForObject(MakeRequest(Verb::kGet, type, key, "", {}),
                              deadline);
}

Result<std::optional<Json>> Client::Find(const ResourceType& type,
                                         const ObjectKey& key,
                                         Deadline deadline) {
  auto object = Get(type, key, deadline);
  if (object.ok()) return std::optional<Json>(std::move(*object));
  if (object.error().code == ErrorCode::kNotFound) {
    return std::optional<Json>();
  }
  return object.error();
}

Result<ObjectList> Client::ListPage(const ResourceType& type,
                                    std::string_view namespace_name,
                                    const ListOptions& options,
                                    std::string_view continue_token,
                                    Deadline deadline, std::stop_token stop) {
  const Request request =
      MakeListRequest(type, namespace_name, options, continue_token);
  DS_ASSIGN_OR_RETURN(Json list, impl_->SendForObject(request, deadline, stop));
  ObjectList page;
  page.resource_version = ResourceVersionOf(list);
  page.continue_token = StringAt(list, {"metadata", "continue"});
  if (page.resource_version.empty()) {
    return Error{ErrorCode::kDataLoss,
                 request.what + ": the list has no resourceVersion"};
  }
  const auto items = list.find("items");
  if (items == list.end() || !items->is_array()) return page;  // null: none.
  page.items.reserve(items->size());
  for (Json& item : *items) {
    if (NameOf(item).empty()) {
      return Error{ErrorCode::kDataLoss,
                   request.what + ": an item of the list has no name"};
    }
    item["apiVersion"] = type.ApiVersion();
    item["kind"] = type.kind;
    page.items.push_back(std::move(item));
  }
  return page;
}

Result<ObjectList> Client::List(const ResourceType& type,
                                std::string_view namespace_name,
                                const ListOptions& options, Deadline deadline) {
  ObjectList all;
  do {
    DS_ASSIGN_OR_RETURN(
        ObjectList page,
        ListPage(type, namespace_name, options, all.continue_token, deadline));
    std::move(page.items.begin(), page.items.end(),
              std::back_inserter(all.items));
    all.resource_version = std::move(page.resource_version);
    all.continue_token = std::move(page.continue_token);
  } while (!all.continue_token.empty());
  return all;
}

Result<Json> Client::Create(const ResourceType& type, const Json& object,
                            Deadline deadline) {
  return impl_->SendForObject(
      impl_->MakeWrite(Verb::kCreate, type, KeyOf(object), "", object),
      deadline);
}

Result<Json> Client::Update(const ResourceType& type, const Json& object,
                            Deadline deadline) {
  DS_CHECK(!ResourceVersionOf(object).empty());
  return impl_->SendForObject(
      impl_->MakeWrite(Verb::kUpdate, type, KeyOf(object), "", object),
      deadline);
}

Result<Json> Client::UpdateStatus(const ResourceType& type, const Json& object,
                                  Deadline deadline) {
  DS_CHECK(!ResourceVersionOf(object).empty());
  return impl_->SendForObject(
      impl_->MakeWrite(Verb::kUpdate, type, KeyOf(object), "status", object),
      deadline);
}

Result<Json> Client::ApplyTo(std::string_view subresource,
                             const ResourceType& type, const Json& object,
                             const ApplyOptions& options, Deadline deadline) {
  DS_CHECK(!NameOf(object).empty());
  Request request = MakeRequest(
      Verb::kApply, type, KeyOf(object), subresource,
      {{"fieldManager", options.field_manager.empty() ? field_manager()
                                                      : options.field_manager},
       {"force", options.force ? "true" : "false"}});
  request.body = DumpJson(object);
  return impl_->SendForObject(request, deadline);
}

Result<Json> Client::Apply(const ResourceType& type, const Json& object,
                           const ApplyOptions& options, Deadline deadline) {
  return ApplyTo("", type, object, options, deadline);
}

Result<Json> Client::ApplyStatus(const ResourceType& type, const Json& object,
                                 const ApplyOptions& options,
                                 Deadline deadline) {
  return ApplyTo("status", type, object, options, deadline);
}

Result<Json> Client::Patch(const ResourceType& type, const ObjectKey& key,
                           PatchType patch_type, const Json& patch,
                           Deadline deadline) {
  DS_CHECK(!key.name.empty());
  const Verb verb =
      patch_type == PatchType::kMerge ? Verb::kMergePatch : Verb::kJsonPatch;
  return impl_->SendForObject(impl_->MakeWrite(verb, type, key, "", patch),
                              deadline);
}

Status Client::Delete(const ResourceType& type, const ObjectKey& key,
                      const DeleteOptions& options, Deadline deadline) {
  DS_CHECK(!key.name.empty());  // Else it would delete the collection.
  auto deleted =
      impl_->SendForObject(MakeDeleteRequest(type, key, options), deadline);
  if (!deleted.ok()) return deleted.error();
  return OkStatus();
}

Status Client::Watch(const ResourceType& type, std::string_view namespace_name,
                     const WatchOptions& options,
                     const std::function<void(WatchEvent)>& on_event,
                     std::stop_token stop) {
  const Request request = MakeWatchRequest(type, namespace_name, options);
  const Status status = impl_->Watch(request, options, on_event, stop);
  if (!status.ok()) return status.error().Wrap(request.what);
  return OkStatus();
}

const std::string& Client::field_manager() const {
  return impl_->options().field_manager;
}
const std::string& Client::default_namespace() const {
  return impl_->default_namespace();
}

void Client::RequestStop() { impl_->RequestStop(); }

}  // namespace datashim::kube
