#include "kube/leader_elector.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "net/retry.h"

namespace datashim::kube {
namespace {

/// Candidates wait retry_period * [1, 1 + this): client-go's JitterFactor.
constexpr double kJitterFactor = 1.2;

}  // namespace

LeaderElector::LeaderElector(Client& client, LeaseOptions options,
                             Callbacks callbacks, Clock& clock)
    : client_(client),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      clock_(clock),
      election_(options_) {
  DS_CHECK(options_.duration > options_.renew_deadline);
  DS_CHECK(options_.renew_deadline > options_.retry_period);
  DS_CHECK(!options_.identity.empty());
}

LeaderElector::~LeaderElector() { Stop(); }

void LeaderElector::Start() {
  thread_ = std::make_unique<ThreadPool>("leader", 1, 1);
  thread_->Submit([this] { Run(); });
}

void LeaderElector::RequestStop() { stop_.request_stop(); }

void LeaderElector::Stop() {
  RequestStop();
  if (thread_ != nullptr) thread_->Stop();
}

bool LeaderElector::is_leader() const {
  const std::lock_guard lock(mutex_);
  return clock_.Now() < leads_until_;
}

void LeaderElector::Run() {
  const net::RandomUnit random = net::SystemRandom();
  while (!stop_.stop_requested()) {
    // Half of the time, so that an answer that never comes leaves time for a
    // second try over another connection.
    const auto round = Deadline::After(options_.renew_deadline / 2, clock_);
    const Status status = TryAcquireOrRenew(
        told_leading_ ? round.Min(Deadline::At(election_.LeadsUntil()))
                      : round);
    if (!status.ok()) {
      log::Warn("cannot get or renew the leader lease",
                {{"lease", options_.lease.ToString()},
                 {"error", status.error().message}});
    }
    Tell();
    Duration wait = options_.retry_period;
    if (told_leading_) {
      wait = std::min<Duration>(wait, election_.LeadsUntil() - clock_.Now());
    } else {
      wait += std::chrono::duration_cast<Duration>(kJitterFactor * random() *
                                                   options_.retry_period);
    }
    clock_.SleepFor(wait, stop_.get_token());
  }
  if (std::exchange(told_leading_, false)) {
    callbacks_.on_stopped();
    Release();
  }
}

Status LeaderElector::TryAcquireOrRenew(Deadline deadline) {
  const MonotonicTime now = clock_.Now();
  DS_ASSIGN_OR_RETURN(std::optional<Json> lease,
                      client_.Find(kLeases, options_.lease, deadline));
  std::optional<LeaseRecord> observed;
  if (lease) observed = ParseLease(*lease);
  const auto record = election_.Plan(observed, now, clock_.WallNow());
  if (!record) return OkStatus();
  if (!lease) {
    Json made = MakeObject(kLeases, options_.lease);
    WriteLease(made, *record);
    DS_ASSIGN_OR_RETURN(made, client_.Create(kLeases, made, deadline));
    lease_ = std::make_shared<Json>(std::move(made));
  } else {
    WriteLease(*lease, *record);
    DS_ASSIGN_OR_RETURN(*lease, client_.Update(kLeases, *lease, deadline));
    lease_ = std::make_shared<Json>(std::move(*lease));
  }
  election_.OnWritten(*record, now);
  return OkStatus();
}

void LeaderElector::Tell() {
  const MonotonicTime until = election_.LeadsUntil();
  {
    const std::lock_guard lock(mutex_);
    leads_until_ = until;
  }
  const bool leading = clock_.Now() < until;
  if (leading != told_leading_) {
    told_leading_ = leading;
    log::Info(leading ? "leading" : "no longer leading",
              {{"lease", options_.lease.ToString()},
               {"identity", options_.identity}});
    leading ? callbacks_.on_started() : callbacks_.on_stopped();
  }
  if (election_.holder() == told_holder_) return;
  told_holder_ = election_.holder();
  if (told_holder_ != options_.identity && !told_holder_.empty() &&
      callbacks_.on_new_leader) {
    callbacks_.on_new_leader(told_holder_);
  }
}

void LeaderElector::Release() {
  {
    const std::lock_guard lock(mutex_);
    leads_until_ = MonotonicTime::min();
  }
  Json lease = *lease_;
  WriteLease(lease, election_.Release(clock_.WallNow()));
  const auto deadline = Deadline::After(options_.renew_deadline / 2, clock_);
  if (const auto written = client_.Update(kLeases, lease, deadline);
      !written.ok()) {
    log::Warn("cannot release the leader lease; it will run out",
              {{"lease", options_.lease.ToString()},
               {"error", written.error().message}});
  }
}

}  // namespace datashim::kube
