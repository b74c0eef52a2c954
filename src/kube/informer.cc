#include "kube/informer.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "kube/watch.h"
#include "net/retry.h"

namespace datashim::kube {
namespace {

constexpr Duration kListTimeout = std::chrono::seconds(60);
/// Clocks do not sleep for ever.
constexpr Duration kWaitMax = std::chrono::hours(1);

}  // namespace

Informer::Informer(Client& client, const ResourceType& type,
                   InformerOptions options, Clock& clock)
    : client_(client),
      type_(type),
      options_(std::move(options)),
      clock_(clock),
      reflector_(options_.reflector, net::SystemRandom()),
      cache_(options_.indexes) {}

Informer::~Informer() { Stop(); }

void Informer::AddHandler(Handler handler) {
  DS_CHECK(thread_ == nullptr);
  handlers_.push_back(std::move(handler));
}

void Informer::Start() {
  thread_ =
      std::make_unique<ThreadPool>("inf/" + std::string(type_.plural), 1, 1);
  thread_->Submit([this] { Run(); });
}

void Informer::RequestStop() {
  stop_.request_stop();
  settled_.request_stop();
}

void Informer::Stop() {
  RequestStop();
  if (thread_ != nullptr) thread_->Stop();
}

bool Informer::HasSynced() const {
  const std::shared_lock lock(mutex_);
  return synced_;
}

bool Informer::WaitForSync(Deadline deadline) const {
  while (!settled_.stop_requested() && !deadline.HasPassed(clock_)) {
    clock_.SleepFor(std::min(deadline.Remaining(clock_), kWaitMax),
                    settled_.get_token());
  }
  return HasSynced();
}

ObjectPtr Informer::Get(const ObjectKey& key) const {
  const std::shared_lock lock(mutex_);
  return cache_.Get(key);
}

std::vector<ObjectPtr> Informer::List(std::string_view namespace_name) const {
  const std::shared_lock lock(mutex_);
  return cache_.List(namespace_name);
}

std::vector<ObjectPtr> Informer::ByIndex(std::string_view index,
                                         std::string_view value) const {
  const std::shared_lock lock(mutex_);
  return cache_.ByIndex(index, value);
}

std::size_t Informer::size() const {
  const std::shared_lock lock(mutex_);
  return cache_.size();
}

Informer::Metrics Informer::metrics() const {
  const std::shared_lock lock(mutex_);
  return metrics_;
}

void Informer::Run() {
  while (!stop_.stop_requested()) {
    const ReflectorAction action = reflector_.Next();
    switch (action.step) {
      case ReflectorStep::kWait:
        clock_.SleepFor(action.wait, stop_.get_token());
        break;
      case ReflectorStep::kListPage:
        ListOnePage(action);
        break;
      case ReflectorStep::kWatch:
        WatchOnce(action);
        break;
    }
  }
}

void Informer::ListOnePage(const ReflectorAction& action) {
  if (action.continue_token.empty()) listed_.clear();
  auto page = client_.ListPage(type_, options_.namespace_name,
                               {.label_selector = options_.label_selector,
                                .field_selector = options_.field_selector},
                               action.continue_token,
                               Deadline::After(kListTimeout, clock_),
                               stop_.get_token());
  if (!page.ok()) {
    if (stop_.stop_requested()) return;
    reflector_.OnListError(page.error());
    SetError(page.error());
    return;
  }
  for (Json& item : page->items) {
    listed_.push_back(Strip(std::make_shared<Json>(std::move(item))));
  }
  if (reflector_.OnListPage(page->resource_version, page->continue_token) ==
      ListProgress::kMorePages) {
    return;
  }
  std::vector<ObjectChange> changes;
  {
    const std::lock_guard lock(mutex_);
    changes = cache_.Replace(listed_);
    ++metrics_.lists;
    metrics_.last_error.clear();
  }
  listed_ = {};
  for (const ObjectChange& change : changes) Tell(change);
  {
    const std::lock_guard lock(mutex_);
    synced_ = true;
  }
  settled_.request_stop();
}

void Informer::WatchOnce(const ReflectorAction& action) {
  {
    const std::lock_guard lock(mutex_);
    ++metrics_.watches;
  }
  const MonotonicTime start = clock_.Now();
  const Status ended = client_.Watch(
      type_, options_.namespace_name,
      {.label_selector = options_.label_selector,
       .field_selector = options_.field_selector,
       .resource_version = action.resource_version,
       .timeout = action.watch_timeout},
      [this](WatchEvent event) { OnEvent(std::move(event)); },
      stop_.get_token());
  if (stop_.stop_requested()) return;
  reflector_.OnWatchEnd(ended, clock_.Now() - start);
  if (!ended.ok()) SetError(ended.error());
}

void Informer::OnEvent(WatchEvent event) {
  const std::string version = ResourceVersionOf(*event.object);
  ObjectChange change;
  if (event.type != WatchEventType::kDeleted &&
      event.type != WatchEventType::kBookmark) {
    event.object = Strip(std::move(event.object));
  }
  {
    const std::lock_guard lock(mutex_);
    ++metrics_.events;
    metrics_.last_error.clear();
    if (event.type == WatchEventType::kDeleted) {
      change = cache_.Erase(KeyOf(*event.object));
    } else if (event.type != WatchEventType::kBookmark) {
      change = cache_.Set(std::move(event.object));
    }
  }
  if (change.before != change.after) Tell(change);
  reflector_.OnWatchEvent(version);
}

std::shared_ptr<Json> Informer::Strip(std::shared_ptr<Json> object) const {
  (*object)["metadata"].erase("managedFields");
  if (options_.transform) options_.transform(*object);
  return object;
}

void Informer::Tell(const ObjectChange& change) {
  for (const Handler& handler : handlers_) handler(change);
}

void Informer::SetError(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (metrics_.last_error == error.message) return;  // Said already.
    metrics_.last_error = error.message;
  }
  log::Warn("the copy of objects is not current; trying again",
            {{"kind", std::string(type_.kind)}, {"error", error.message}});
}

}  // namespace datashim::kube
