#include "kube/events.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "base/strings.h"

namespace datashim::kube {
namespace {

constexpr Duration kSendTimeout = std::chrono::seconds(10);
constexpr Duration kDrainTimeout = std::chrono::seconds(1);
/// Of metadata.name, without our suffix: 253 - 17.
constexpr std::size_t kNameBytesMax = 236;

std::string_view WordOf(EventType type) {
  return type == EventType::kNormal ? "Normal" : "Warning";
}

std::string SeriesId(const Notice& notice) {
  // '\n' is in no name, uid or reason, and the message is the last part.
  return notice.about.uid + "\n" + notice.about.kind + "\n" +
         notice.about.key.ToString() + "\n" + std::string(WordOf(notice.type)) +
         "\n" + notice.reason + "\n" + notice.message;
}

/// As client-go names them: unique as long as clocks do not go back.
ObjectKey EventKey(const Notice& notice, WallTime wall_now) {
  static constexpr char kDigits[] = "0123456789abcdef";
  auto nanoseconds = static_cast<std::uint64_t>(
      std::chrono::nanoseconds(wall_now.time_since_epoch()).count());
  std::string suffix(16, '0');
  for (std::size_t i = suffix.size(); i-- > 0; nanoseconds >>= 4) {
    suffix[i] = kDigits[nanoseconds & 0xF];
  }
  const ObjectKey& about = notice.about.key;
  return {about.namespace_name.empty() ? "default" : about.namespace_name,
          about.name.substr(0, kNameBytesMax) + "." + suffix};
}

}  // namespace

std::string CutText(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return std::string(text);
  static constexpr std::string_view kEllipsis = "…";
  std::size_t end = bytes_max - kEllipsis.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    --end;
  }
  return std::string(text.substr(0, end)) + std::string(kEllipsis);
}

ObjectReference ReferenceTo(const Json& object) {
  return {.api_version = StringAt(object, {"apiVersion"}),
          .kind = StringAt(object, {"kind"}),
          .key = KeyOf(object),
          .uid = UidOf(object),
          .resource_version = ResourceVersionOf(object)};
}

std::optional<EventWrite> EventCorrelator::Plan(const Notice& notice,
                                                MonotonicTime now,
                                                WallTime wall_now) {
  if (!TakeToken(notice.about.uid + notice.about.key.ToString(), now)) {
    return std::nullopt;
  }
  Series& series = series_.Touch(SeriesId(notice));
  if (series.count == 0) return PlanAnew(notice, wall_now);
  ++series.count;
  return EventWrite{
      .event = series.event,
      .is_patch = true,
      .body = std::make_shared<Json>(Json{
          {"count", series.count}, {"lastTimestamp", FormatTime(wall_now)}})};
}

EventWrite EventCorrelator::PlanAnew(const Notice& notice, WallTime wall_now) {
  Series& series = series_.Touch(SeriesId(notice));
  series.event = EventKey(notice, wall_now);
  if (series.count == 0) {
    series.count = 1;
    series.first_time = FormatTime(wall_now);
  }
  return MakeEvent(notice, series, wall_now);
}

bool EventCorrelator::TakeToken(const std::string& object, MonotonicTime now) {
  Budget& budget = budgets_.Touch(object);
  const double burst = options_.burst_per_object;
  if (budget.filled_at == MonotonicTime{}) {
    budget = {.tokens = burst, .filled_at = now};
  }
  const double refills =
      std::chrono::duration<double>(now - budget.filled_at) /
      std::chrono::duration<double>(options_.refill_per_object);
  budget.tokens = std::min(burst, budget.tokens + refills);
  budget.filled_at = now;
  if (budget.tokens < 1) return false;
  budget.tokens -= 1;
  return true;
}

EventWrite EventCorrelator::MakeEvent(const Notice& notice,
                                      const Series& series,
                                      WallTime wall_now) const {
  Json event = MakeObject(kEvents, series.event);
  const ObjectReference& about = notice.about;
  event["involvedObject"] = {{"apiVersion", about.api_version},
                             {"kind", about.kind},
                             {"name", about.key.name},
                             {"namespace", about.key.namespace_name},
                             {"uid", about.uid},
                             {"resourceVersion", about.resource_version}};
  event["type"] = WordOf(notice.type);
  event["reason"] = notice.reason;
  event["message"] = notice.message;
  event["count"] = series.count;
  event["firstTimestamp"] = series.first_time;
  event["lastTimestamp"] = FormatTime(wall_now);
  event["source"] = {{"component", options_.component},
                     {"host", options_.host}};
  event["reportingComponent"] = options_.component;
  event["reportingInstance"] = options_.host;
  return {.event = series.event,
          .is_patch = false,
          .body = std::make_shared<Json>(std::move(event))};
}

EventRecorder::EventRecorder(Client& client, EventOptions options, Clock& clock)
    : client_(client),
      options_(std::move(options)),
      clock_(clock),
      correlator_(options_) {}

EventRecorder::~EventRecorder() { Stop(); }

void EventRecorder::Start() {
  thread_ = std::make_unique<ThreadPool>("events", 1, 1);
  thread_->Submit([this] { Run(); });
}

void EventRecorder::RequestStop() { stop_.request_stop(); }

void EventRecorder::Stop() {
  RequestStop();
  if (thread_ != nullptr) thread_->Stop();
}

void EventRecorder::Emit(const Json& object, EventType type,
                         std::string_view reason, std::string_view message) {
  Notice notice = {.about = ReferenceTo(object),
                   .type = type,
                   .reason = std::string(reason),
                   .message = CutText(message, kEventMessageBytesMax)};
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= options_.queue_items_max) {
      ++metrics_.dropped;
      return;
    }
    queue_.push_back(std::move(notice));
  }
  queued_.notify_one();
}

void EventRecorder::Run() {
  std::optional<Deadline> drained;
  for (;;) {
    Notice notice;
    {
      std::unique_lock lock(mutex_);
      queued_.wait(lock, stop_.get_token(), [&] { return !queue_.empty(); });
      if (stop_.stop_requested() && !drained) {
        drained = Deadline::After(kDrainTimeout, clock_);
      }
      if (queue_.empty()) return;  // Only when stopped.
      if (drained && drained->HasPassed(clock_)) {
        metrics_.dropped += queue_.size();
        return;
      }
      notice = std::move(queue_.front());
      queue_.pop_front();
    }
    Send(notice, drained.value_or(Deadline::After(kSendTimeout, clock_)));
  }
}

void EventRecorder::Send(const Notice& notice, Deadline deadline) {
  auto write = correlator_.Plan(notice, clock_.Now(), clock_.WallNow());
  if (!write) {
    const std::lock_guard lock(mutex_);
    ++metrics_.dropped;
    return;
  }
  auto sent = Write(*write, deadline);
  if (!sent.ok() && write->is_patch &&
      sent.error().code == ErrorCode::kNotFound) {
    sent = Write(correlator_.PlanAnew(notice, clock_.WallNow()), deadline);
  }
  {
    const std::lock_guard lock(mutex_);
    ++(sent.ok() ? metrics_.sent : metrics_.failed);
  }
  if (!sent.ok()) {
    log::Warn("cannot write an event", {{"object", notice.about.key.ToString()},
                                        {"reason", notice.reason},
                                        {"error", sent.error().message}});
  }
}

Status EventRecorder::Write(const EventWrite& write, Deadline deadline) {
  const auto written =
      write.is_patch ? client_.Patch(kEvents, write.event, PatchType::kMerge,
                                     *write.body, deadline)
                     : client_.Create(kEvents, *write.body, deadline);
  if (!written.ok()) return written.error();
  return OkStatus();
}

EventRecorder::Metrics EventRecorder::metrics() const {
  const std::lock_guard lock(mutex_);
  return metrics_;
}

}  // namespace datashim::kube
