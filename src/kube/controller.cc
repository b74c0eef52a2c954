#include "kube/controller.h"

#include <utility>

#include "base/log.h"

namespace datashim::kube {

Controller::Controller(ControllerOptions options, Reconcile reconcile,
                       Clock& clock)
    : options_(std::move(options)),
      reconcile_(std::move(reconcile)),
      clock_(clock),
      queue_(options_.queue, clock) {}

Controller::~Controller() { Stop(); }

void Controller::Start() {
  workers_ = std::make_unique<ThreadPool>(options_.name, options_.workers,
                                          options_.workers);
  for (std::size_t i = 0; i < options_.workers; ++i) {
    workers_->Submit([this] { Work(); });
  }
}

void Controller::RequestStop() { queue_.ShutDown(); }

void Controller::Stop() {
  RequestStop();
  if (workers_ != nullptr) workers_->Stop();
}

void Controller::Work() {
  while (const auto key = queue_.Get()) {
    ReconcileOnce(*key);
    queue_.Done(*key);
  }
}

void Controller::ReconcileOnce(const ObjectKey& key) {
  const MonotonicTime start = clock_.Now();
  const Result<Outcome> result =
      reconcile_(key, Deadline::At(start + options_.reconcile_timeout));
  const bool terminal =
      !result.ok() && result.error().code == ErrorCode::kInvalidArgument;
  {
    const std::lock_guard lock(mutex_);
    ++metrics_.reconciles;
    metrics_.busy += clock_.Now() - start;
    if (!result.ok()) ++metrics_.errors;
    if (terminal) ++metrics_.terminal_errors;
  }
  if (result.ok()) {
    queue_.Forget(key);
    if (const auto delay = result->requeue_after()) {
      queue_.AddAfter(key, *delay);
    }
    return;
  }
  // A conflict only says that somebody else wrote first: daily business.
  const auto level = result.error().code == ErrorCode::kAborted
                         ? log::Level::kDebug
                         : log::Level::kWarn;
  log::Write(level, "reconcile failed",
             {{"controller", options_.name},
              {"object", key.ToString()},
              {"code", std::string(ErrorCodeName(result.error().code))},
              {"error", result.error().message},
              {"retry", terminal ? "no" : "yes"}});
  if (terminal) {
    queue_.Forget(key);
  } else {
    queue_.AddRateLimited(key);
  }
}

Controller::Metrics Controller::metrics() const {
  const std::lock_guard lock(mutex_);
  Metrics metrics = metrics_;
  metrics.queue = queue_.metrics();
  return metrics;
}

}  // namespace datashim::kube
