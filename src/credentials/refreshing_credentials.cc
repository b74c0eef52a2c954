#include "credentials/refreshing_credentials.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/log.h"
#include "base/thread_pool.h"

namespace datashim::credentials {
namespace {

// A server that has not answered by then will not.
constexpr Duration kFetchTimeout = std::chrono::seconds(10);
constexpr Duration kNapMax = std::chrono::hours(24);

}  // namespace

RefreshingCredentials::RefreshingCredentials(
    std::unique_ptr<CredentialSource> source, Clock& clock,
    net::RandomUnit random)
    : source_(std::move(source)),
      clock_(clock),
      schedule_(clock.Now(), std::move(random)),
      thread_([this](std::stop_token stop) { Run(std::move(stop)); }) {}

RefreshingCredentials::~RefreshingCredentials() {
  thread_.request_stop();
  source_->RequestStop();
  {
    const std::lock_guard lock(mutex_);
    Wake();
  }
  thread_.join();
}

Result<std::shared_ptr<const s3::Credentials>> RefreshingCredentials::Get(
    Deadline deadline) {
  std::unique_lock lock(mutex_);
  bool usable = false;
  const bool known = changed_.wait_until(lock, deadline.time(), [&] {
    usable = schedule_.usable(clock_.Now());
    return usable || failed_.has_value();
  });
  if (usable) return current_;
  if (known) return *failed_;
  return Error{ErrorCode::kDeadlineExceeded,
               source_->name() + ": no answer so far"};
}

bool RefreshingCredentials::Renew(const s3::Credentials& used) {
  const std::lock_guard lock(mutex_);
  if (current_ == nullptr || *current_ != used) return true;
  if (!schedule_.OnRefused(clock_.Now())) return false;
  failed_.reset();
  Wake();
  return true;
}

void RefreshingCredentials::OnChange() {
  const std::lock_guard lock(mutex_);
  if (schedule_.failures() == 0) return;
  schedule_.OnChange(clock_.Now());
  failed_.reset();
  Wake();
}

/// REQUIRES: mutex_ is held.
void RefreshingCredentials::Wake() { nap_.request_stop(); }

void RefreshingCredentials::Run(std::stop_token stop) {
  SetThreadName("credentials");
  while (AwaitNextFetch(stop)) {
    auto fetched = source_->Fetch(Deadline::After(kFetchTimeout));
    if (!stop.stop_requested()) Take(std::move(fetched));
  }
}

bool RefreshingCredentials::AwaitNextFetch(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::stop_token nap;
    Duration wait;
    {
      const std::lock_guard lock(mutex_);
      const MonotonicTime now = clock_.Now();
      if (schedule_.next_fetch_at() <= now) return true;
      wait = std::min<Duration>(schedule_.next_fetch_at() - now, kNapMax);
      nap_ = std::stop_source();
      nap = nap_.get_token();
      // The destructor may have woken the nap before this one.
      if (stop.stop_requested()) return false;
    }
    clock_.SleepFor(wait, nap);
  }
  return false;
}

void RefreshingCredentials::Take(Result<FetchedCredentials> fetched) {
  const std::lock_guard lock(mutex_);
  const MonotonicTime now = clock_.Now();
  if (fetched.ok()) {
    if (schedule_.failures() > 0) {
      log::Info("there are new credentials again",
                {{"source", source_->name()},
                 {"attempts", std::to_string(schedule_.failures() + 1)}});
    }
    current_ = std::make_shared<const s3::Credentials>(
        std::move(fetched->credentials));
    schedule_.OnFetched(now, fetched->lifetime);
    failed_.reset();
  } else {
    failed_ = fetched.error().Wrap(source_->name());
    schedule_.OnFailed(now);
    if (schedule_.failures() == 1) {
      log::Warn("cannot fetch new credentials; tries go on",
                {{"error", failed_->message},
                 {"old ones", schedule_.usable(now) ? "in use" : "none"}});
    }
  }
  changed_.notify_all();
}

}  // namespace datashim::credentials
