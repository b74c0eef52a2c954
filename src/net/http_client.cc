#include "net/http_client.h"

#include <optional>
#include <utility>

#include "net/body_sink.h"
#include "net/connection_pool.h"
#include "net/exchange.h"
#include "net/message_text.h"
#include "net/response_parser.h"
#include "net/wait.h"

namespace datashim::net {
namespace {

bool IsSuccess(int status) { return status >= 200 && status <= 299; }

// What ends one call: the client's stop or the caller's. The caller's costs a
// descriptor, so only a caller that has one pays.
class CallInterrupt {
 public:
  CallInterrupt(const Interrupt& client, const std::stop_token& stop)
      : interrupt_(&client) {
    if (!stop.stop_possible()) return;
    own_.emplace();
    interrupt_ = &*own_;
    from_caller_.emplace(stop, [this] { own_->Request(); });
    from_client_.emplace(client.token(), [this] { own_->Request(); });
  }
  const Interrupt& get() const { return *interrupt_; }

 private:
  using Callback = std::stop_callback<std::function<void()>>;
  const Interrupt* interrupt_;
  std::optional<Interrupt> own_;
  std::optional<Callback> from_caller_;
  std::optional<Callback> from_client_;
};

}  // namespace

class HttpClient::Impl {
 public:
  Impl(const HttpClientOptions& options, std::unique_ptr<TlsClient> tls)
      : header_bytes_max_(options.response_header_bytes_max),
        pool_({options.connections_max, options.idle_timeout,
               options.connect_timeout},
              std::move(tls)) {}

  /// Chooses where the body goes once status and fields are known.
  using ChooseSink = std::function<BodySink&(const ResponseHead&)>;

  Result<ResponseHead> Call(const HttpCall& call, const ChooseSink& choose) {
    DS_ASSIGN_OR_RETURN(const std::string head_text, FormatRequestHead(call));
    const CallInterrupt interrupt(stop_, call.stop);
    const WaitLimits limits = {call.deadline, call.idle_timeout,
                               &interrupt.get()};
    if (limits.interrupt->requested()) {
      return Error{ErrorCode::kCancelled, "the call was stopped"};
    }
    if (call.deadline.HasPassed()) {
      return Error{ErrorCode::kDeadlineExceeded,
                   call.origin.ToString() + ": the deadline passed"};
    }
    for (bool fresh = false;; fresh = true) {
      DS_ASSIGN_OR_RETURN(Connection connection,
                          pool_.Acquire(call.origin, fresh, limits));
      Exchange exchange(connection, limits, header_bytes_max_);
      auto head = Run(exchange, call, head_text, choose);
      if (head.ok() && exchange.reusable(*head)) {
        pool_.Release(call.origin, std::move(connection));
        return head;
      }
      pool_.Drop(call.origin);
      if (head.ok()) return head;
      if (!fresh && connection.reused && call.replayable &&
          exchange.closed_unanswered()) {
        continue;
      }
      Error error = std::move(head).error();
      // Silence, see WaitReady.
      if (error.code == ErrorCode::kAborted) {
        error.code = ErrorCode::kUnavailable;
      }
      return error.Wrap(call.origin.ToString());
    }
  }

  void RequestStop() { stop_.Request(); }

 private:
  static Result<ResponseHead> Run(Exchange& exchange, const HttpCall& call,
                                  const std::string& head_text,
                                  const ChooseSink& choose) {
    DS_RETURN_IF_ERROR(exchange.Send(head_text, call.body));
    DS_ASSIGN_OR_RETURN(ResponseHead head,
                        exchange.ReceiveHead(call.method == "HEAD"));
    DS_RETURN_IF_ERROR(exchange.ReceiveBody(head, choose(head)));
    return head;
  }

  const std::size_t header_bytes_max_;
  Interrupt stop_;
  ConnectionPool pool_;
};

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::Make(
    HttpClientOptions options) {
  DS_CHECK(options.connections_max > 0);
  DS_ASSIGN_OR_RETURN(auto tls, TlsClient::Make(options.tls));
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Impl>(options, std::move(tls))));
}

Result<HttpResponse> HttpClient::Fetch(const HttpCall& call,
                                       std::size_t body_bytes_max) {
  HttpResponse response;
  std::optional<StringSink> sink(std::in_place, response.body, body_bytes_max,
                                 StringSink::AtLimit::kFail);
  DS_ASSIGN_OR_RETURN(ResponseHead head,
                      impl_->Call(call, [&](const ResponseHead&) -> BodySink& {
                        return *sink;
                      }));
  sink.reset();  // Cuts the string to what came.
  response.status = head.status;
  response.headers = std::move(head.headers);
  return response;
}

Result<HttpIntoResponse> HttpClient::FetchInto(const HttpCall& call,
                                               std::span<std::byte> out) {
  HttpIntoResponse response;
  SpanSink into(out);
  std::optional<StringSink> error(std::in_place, response.error_body,
                                  kErrorBodyBytesMax,
                                  StringSink::AtLimit::kCut);
  DS_ASSIGN_OR_RETURN(
      ResponseHead head,
      impl_->Call(call, [&](const ResponseHead& got) -> BodySink& {
        if (IsSuccess(got.status)) return into;
        return *error;
      }));
  error.reset();
  response.status = head.status;
  response.headers = std::move(head.headers);
  response.body_bytes = into.used();
  return response;
}

Result<HttpResponse> HttpClient::FetchStream(
    const HttpCall& call,
    const std::function<bool(std::string_view)>& on_chunk) {
  HttpResponse response;
  CallbackSink stream(on_chunk);
  std::optional<StringSink> error(std::in_place, response.body,
                                  kErrorBodyBytesMax,
                                  StringSink::AtLimit::kCut);
  DS_ASSIGN_OR_RETURN(
      ResponseHead head,
      impl_->Call(call, [&](const ResponseHead& got) -> BodySink& {
        if (IsSuccess(got.status)) return stream;
        return *error;
      }));
  error.reset();
  response.status = head.status;
  response.headers = std::move(head.headers);
  return response;
}

void HttpClient::RequestStop() { impl_->RequestStop(); }

}  // namespace datashim::net
