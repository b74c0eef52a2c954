// Reflector: decides when to list and when to watch so that a copy of a
// collection stays current. Sans-I/O: informer.h does what it says and tells
// it what came of it.

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace datashim::kube {

/// How patient a Reflector is.
struct ReflectorOptions {
  /// client-go's back-off between failed lists and watches.
  Duration backoff_min = std::chrono::milliseconds(800);
  Duration backoff_max = std::chrono::seconds(30);
  /// A watch that lived this long was healthy: back-off starts anew.
  Duration healthy_after = std::chrono::seconds(60);
  /// The server ends a watch after a random time in [this, 2 * this), so that
  /// the watches of a fleet do not end together. As in client-go.
  std::chrono::seconds watch_timeout_min{300};
};

/// What its user does next.
enum class ReflectorStep { kListPage, kWatch, kWait };

/// A step with what it needs; the fields of other steps are empty.
struct ReflectorAction {
  ReflectorStep step = ReflectorStep::kListPage;
  std::string continue_token;    ///< kListPage.
  std::string resource_version;  ///< kWatch.
  std::chrono::seconds watch_timeout{0};
  Duration wait{};  ///< kWait.
};

/// What the pages listed so far mean to the copy.
enum class ListProgress { kMorePages, kComplete };

/// Thread-compatible.
///
/// Invariants: a watch starts at the resourceVersion of a complete list or of
/// the last event after it, so that no change is missed; a 410 Gone or a
/// watch that cannot be parsed leads to a new list, never to a gap.
class Reflector {
 public:
  /// `random` yields uniform numbers in [0, 1).
  Reflector(ReflectorOptions options, std::function<double()> random);

  /// What to do now. A wait is handed out once; after it comes the next step.
  ReflectorAction Next();

  ListProgress OnListPage(std::string_view resource_version,
                          std::string_view continue_token);
  void OnListError(const Error& error);
  /// For every event, bookmarks included, after it was applied to the copy.
  void OnWatchEvent(std::string_view resource_version);
  /// The watch ended: ok when the server closed it in order.
  void OnWatchEnd(const Status& why, Duration lasted);

 private:
  void BackOff();
  void ListAgain();

  const ReflectorOptions options_;
  const std::function<double()> random_;
  bool listed_ = false;  ///< resource_version_ can be watched from.
  std::string resource_version_;
  std::string continue_token_;
  Duration backoff_{};  ///< Last wait; zero after success.
  Duration wait_{};     ///< To hand out before the next step.
};

}  // namespace datashim::kube
