#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "archive/byte_source.h"
#include "archive/redirect.h"
#include "base/thread_pool.h"
#include "net/http_client.h"
#include "net/retry.h"
#include "s3/object_rules.h"

namespace datashim::archive {
namespace {

/// Bytes that wait for their reader; then the server has to wait.
constexpr std::size_t kQueuedBytesMax = 8u << 20;
constexpr char kUserAgent[] = "datashim/" DATASHIM_VERSION;

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 ||
         status == 308;
}

Error ErrorOf(int status, const net::Origin& origin) {
  const auto make = [&](ErrorCode code, const char* why) {
    return Error{code, origin.ToString() + " answered " +
                           std::to_string(status) + ": " + why};
  };
  switch (status) {
    case 401:
      return make(ErrorCode::kUnauthenticated, "it wants a password");
    case 403:
      return make(ErrorCode::kPermissionDenied,
                  "the URL may not be read; if it is signed, it may have "
                  "expired");
    case 404:
    case 410:
      return make(ErrorCode::kNotFound, "nothing is there");
    case 412:
      return make(ErrorCode::kAborted, "the file changed while it was read");
    case 408:
    case 425:
    case 429:
      return make(ErrorCode::kUnavailable, "it is busy");
    default:
      break;
  }
  if (status >= 500) return make(ErrorCode::kUnavailable, "it failed");
  return make(ErrorCode::kInvalidArgument, "that is no file");
}

/// What a server said of the file behind a URL.
struct Found {
  net::Url url;                  ///< Behind all redirects.
  std::uint64_t size_bytes = 0;  ///< With an etag.
  std::string etag = {};         ///< Empty: no ranges.
};

/// Shared by the calls of one file.
class Web {
 public:
  Web(std::unique_ptr<net::HttpClient> client, const WebOptions& options)
      : client_(std::move(client)), options_(options) {}

  Result<Found> Find(net::Url url, const std::stop_token& stop);
  Status FetchRange(const Found& found, store::ByteRange range,
                    std::span<std::byte> out, const std::stop_token& stop);
  Status Stream(const net::Url& url, const std::stop_token& stop,
                const std::function<bool(std::string_view)>& on_chunk);

 private:
  net::HttpCall CallOf(const net::Url& url, const std::stop_token& stop) const;
  Result<net::HttpIntoResponse> AskForFirstByte(const net::Url& url,
                                                const std::stop_token& stop);

  const std::unique_ptr<net::HttpClient> client_;
  const WebOptions options_;
  net::RetryBudget budget_;
};

net::HttpCall Web::CallOf(const net::Url& url,
                          const std::stop_token& stop) const {
  net::HttpCall call;
  call.origin = url.origin;
  call.target = url.Target();
  call.headers.Add("User-Agent", kUserAgent);
  // The file as it is, also from servers that compress on the way.
  call.headers.Add("Accept-Encoding", "identity");
  call.stop = stop;
  call.idle_timeout = options_.idle_timeout;
  return call;
}

/// @return status 200 without bytes from a server that knows no ranges.
Result<net::HttpIntoResponse> Web::AskForFirstByte(
    const net::Url& url, const std::stop_token& stop) {
  net::HttpCall call = CallOf(url, stop);
  call.headers.Add("Range", "bytes=0-0");
  call.deadline = Deadline::After(options_.range_timeout);
  std::byte first{};
  auto answer = client_->FetchInto(call, {&first, 1});
  if (!answer.ok() && answer.error().code == ErrorCode::kDataLoss) {
    net::HttpIntoResponse whole;
    whole.status = 200;
    return whole;
  }
  return answer;
}

Result<Found> Web::Find(net::Url url, const std::stop_token& stop) {
  for (int redirects = 0; redirects <= options_.redirects_max; ++redirects) {
    DS_ASSIGN_OR_RETURN(const net::HttpIntoResponse answer,
                        AskForFirstByte(url, stop));
    if (IsRedirect(answer.status)) {
      DS_ASSIGN_OR_RETURN(url,
                          FollowRedirect(url, answer.headers.Get("Location")));
      continue;
    }
    // An empty file has no first byte.
    if (answer.status == 200 || answer.status == 416) {
      return Found{.url = std::move(url)};
    }
    if (answer.status != 206) return ErrorOf(answer.status, url.origin);
    const auto range =
        s3::ParseContentRange(answer.headers.Get("Content-Range"));
    const std::string_view etag = answer.headers.Get("ETag");
    // If-Match takes strong tags only.
    if (!range || !etag.starts_with('"')) return Found{.url = std::move(url)};
    return Found{.url = std::move(url),
                 .size_bytes = range->total_bytes,
                 .etag = std::string(etag)};
  }
  return Error{ErrorCode::kInvalidArgument,
               url.origin.ToString() + ": more than " +
                   std::to_string(options_.redirects_max) + " redirects"};
}

Status Web::FetchRange(const Found& found, store::ByteRange range,
                       std::span<std::byte> out, const std::stop_token& stop) {
  const auto deadline = Deadline::After(options_.range_timeout);
  net::RetrySchedule schedule({.attempts_max = options_.attempts_max}, budget_,
                              deadline, SystemClock(), net::SystemRandom());
  while (true) {
    net::HttpCall call = CallOf(found.url, stop);
    call.headers.Add("Range", "bytes=" + std::to_string(range.offset) + "-" +
                                  std::to_string(range.end() - 1));
    call.headers.Add("If-Match", found.etag);
    call.deadline = deadline;
    const auto answer = client_->FetchInto(call, out);
    Status status = OkStatus();
    if (!answer.ok()) {
      status = answer.error();
    } else if (answer->status != 206) {
      status = ErrorOf(answer->status == 200 ? 412 : answer->status,
                       found.url.origin);
    } else if (answer->body_bytes != range.size ||
               answer->headers.Get("ETag") != found.etag) {
      status = ErrorOf(412, found.url.origin);
    }
    if (status.ok()) {
      budget_.OnSuccess();
      return status;
    }
    if (status.error().code != ErrorCode::kUnavailable) return status;
    const auto delay = schedule.Next();
    if (!delay || !SystemClock().SleepFor(*delay, stop)) return status;
  }
}

Status Web::Stream(const net::Url& url, const std::stop_token& stop,
                   const std::function<bool(std::string_view)>& on_chunk) {
  DS_ASSIGN_OR_RETURN(const net::HttpResponse answer,
                      client_->FetchStream(CallOf(url, stop), on_chunk));
  if (answer.status == 200) return OkStatus();
  return ErrorOf(answer.status, url.origin);
}

/// One GET, received on a thread of its own while the reader works.
class StreamSource final : public ByteSource {
 public:
  StreamSource(std::shared_ptr<Web> web, net::Url url)
      : web_(std::move(web)),
        receiver_([this, url = std::move(url)](const std::stop_token& stop) {
          SetThreadName("archive-stream");
          Receive(url, stop);
        }) {}
  ~StreamSource() override {
    receiver_.request_stop();
    changed_.notify_all();
  }

  Result<std::span<const std::byte>> Next() override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !queue_.empty() || end_.has_value(); });
    if (queue_.empty()) {
      DS_RETURN_IF_ERROR(*end_);
      return std::span<const std::byte>();
    }
    current_ = std::move(queue_.front());
    queue_.pop_front();
    queued_bytes_ -= current_.size();
    changed_.notify_all();
    return std::as_bytes(std::span(current_.data(), current_.size()));
  }
  bool seekable() const override { return false; }
  void Seek(std::uint64_t) override { DS_CHECK(false); }
  std::optional<std::uint64_t> size() const override { return std::nullopt; }

 private:
  void Receive(const net::Url& url, const std::stop_token& stop) {
    Status end = web_->Stream(url, stop, [&](std::string_view chunk) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, stop,
                    [this] { return queued_bytes_ < kQueuedBytesMax; });
      if (stop.stop_requested()) return false;
      queued_bytes_ += chunk.size();
      queue_.emplace_back(chunk);
      changed_.notify_all();
      return true;
    });
    const std::lock_guard lock(mutex_);
    end_ = std::move(end);
    changed_.notify_all();
  }

  const std::shared_ptr<Web> web_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  // Guarded by mutex_.
  std::deque<std::string> queue_;
  std::size_t queued_bytes_ = 0;
  std::optional<Status> end_;

  std::string current_;    // What Next handed out.
  std::jthread receiver_;  // Last: it uses the others.
};

}  // namespace

Result<std::unique_ptr<ByteSource>> OpenWeb(const std::string& url,
                                            const WebOptions& options,
                                            std::stop_token stop) {
  DS_ASSIGN_OR_RETURN(net::Url parsed, net::ParseUrl(url));
  net::HttpClientOptions client_options;
  client_options.connect_timeout = options.connect_timeout;
  DS_ASSIGN_OR_RETURN(auto client,
                      net::HttpClient::Make(std::move(client_options)));
  auto web = std::make_shared<Web>(std::move(client), options);
  DS_ASSIGN_OR_RETURN(Found found, web->Find(std::move(parsed), stop));
  if (found.etag.empty()) {
    return std::unique_ptr<ByteSource>(
        std::make_unique<StreamSource>(std::move(web), std::move(found.url)));
  }
  const std::uint64_t size_bytes = found.size_bytes;
  auto fetch = [web = std::move(web), found = std::move(found)](
                   store::ByteRange range, std::span<std::byte> out,
                   const std::stop_token& token) {
    return web->FetchRange(found, range, out, token);
  };
  return std::unique_ptr<ByteSource>(
      std::make_unique<RangedSource>(size_bytes, std::move(fetch)));
}

}  // namespace datashim::archive
