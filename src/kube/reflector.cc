#include "kube/reflector.h"

#include <algorithm>
#include <utility>

namespace datashim::kube {

Reflector::Reflector(ReflectorOptions options, std::function<double()> random)
    : options_(options), random_(std::move(random)) {}

ReflectorAction Reflector::Next() {
  ReflectorAction action;
  if (wait_ > Duration::zero()) {
    action.step = ReflectorStep::kWait;
    action.wait = std::exchange(wait_, Duration::zero());
    return action;
  }
  if (!listed_) {
    action.step = ReflectorStep::kListPage;
    action.continue_token = continue_token_;
    return action;
  }
  action.step = ReflectorStep::kWatch;
  action.resource_version = resource_version_;
  const auto spread = std::chrono::duration<double>(
      static_cast<double>(options_.watch_timeout_min.count()) * random_());
  action.watch_timeout =
      options_.watch_timeout_min +
      std::chrono::duration_cast<std::chrono::seconds>(spread);
  return action;
}

ListProgress Reflector::OnListPage(std::string_view resource_version,
                                   std::string_view continue_token) {
  continue_token_ = continue_token;
  if (!continue_token.empty()) return ListProgress::kMorePages;
  resource_version_ = resource_version;
  listed_ = true;
  return ListProgress::kComplete;
}

void Reflector::OnListError(const Error& error) {
  // An expired continue token: what was listed is of no use without the rest.
  // For other errors the same page is asked for again.
  if (error.code == ErrorCode::kOutOfRange) continue_token_.clear();
  BackOff();
}

void Reflector::OnWatchEvent(std::string_view resource_version) {
  resource_version_ = resource_version;
  backoff_ = Duration::zero();
}

void Reflector::OnWatchEnd(const Status& why, Duration lasted) {
  if (lasted >= options_.healthy_after) backoff_ = Duration::zero();
  if (why.ok()) {
    // A server that closes every watch at once must not be asked in a loop.
    if (lasted < std::chrono::seconds(1)) BackOff();
    return;
  }
  switch (why.error().code) {
    case ErrorCode::kOutOfRange:       // 410 Gone: the version is too old.
    case ErrorCode::kInvalidArgument:  // It makes no sense to the server.
    case ErrorCode::kDataLoss:         // An event in between is unreadable.
      ListAgain();
      break;
    default:
      // Errors that do not end may be due to the version as well, such as one
      // from before etcd was restored from a backup.
      if (backoff_ == options_.backoff_max) ListAgain();
      break;
  }
  BackOff();
}

void Reflector::ListAgain() {
  listed_ = false;
  continue_token_.clear();
}

void Reflector::BackOff() {
  backoff_ = backoff_ == Duration::zero()
                 ? options_.backoff_min
                 : std::min(backoff_ * 2, options_.backoff_max);
  // Between half and all of it: a fleet that lost its server together must
  // not come back together.
  wait_ =
      std::chrono::duration_cast<Duration>(backoff_ * (0.5 + 0.5 * random_()));
}

}  // namespace datashim::kube
