// RefreshingCredentials: credentials of a source, fetched anew before they end,
// also while nobody asks for them.

#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "credentials/refresh_schedule.h"
#include "credentials/source.h"
#include "net/retry.h"
#include "s3/credentials.h"

namespace datashim::credentials {

/// Thread-safe. One thread of its own makes all fetches, so that there is one
/// at a time and no caller waits for one while there are usable credentials.
class RefreshingCredentials final : public s3::CredentialProvider {
 public:
  /// Starts to fetch. `clock` outlives it.
  explicit RefreshingCredentials(std::unique_ptr<CredentialSource> source,
                                 Clock& clock = SystemClock(),
                                 net::RandomUnit random = net::SystemRandom());
  RefreshingCredentials(const RefreshingCredentials&) = delete;
  RefreshingCredentials& operator=(const RefreshingCredentials&) = delete;
  /// Ends a fetch that runs. REQUIRES: no call is under way.
  ~RefreshingCredentials() override;

  /// The current ones; waits only while there are none and no fetch has failed.
  /// @return kDeadlineExceeded, or the error of the last fetch: those of
  ///     CredentialSource::Fetch, led by the source's name.
  Result<std::shared_ptr<const s3::Credentials>> Get(
      Deadline deadline) override;

  bool Renew(const s3::Credentials& used) override;

  /// What made fetches fail may be over, such as a token that has ended: tries
  /// again at once if they do.
  void OnChange();

 private:
  void Run(std::stop_token stop);
  /// Waits for the next fetch. @return false if it has to end.
  bool AwaitNextFetch(const std::stop_token& stop);
  void Take(Result<FetchedCredentials> fetched);
  void Wake();

  const std::unique_ptr<CredentialSource> source_;
  Clock& clock_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // All below are guarded by mutex_.
  RefreshSchedule schedule_;
  std::shared_ptr<const s3::Credentials> current_;
  std::optional<Error> failed_;  // Of the last fetch; empty: it may do better.
  std::stop_source nap_;         // Of the thread's wait.
  std::jthread thread_;          // The last: it uses all of the above.
};

}  // namespace datashim::credentials
