// `datashim migrate`: Datasets of upstream become Datasets of ours, under their
// names, with their data. Looks, plans (plan.h), tells, and does.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "kube/client.h"

namespace datashim::migrate {

/// What to migrate and how.
struct MigrateOptions {
  /// Files as in $KUBECONFIG; empty: ~/.kube/config.
  std::string kubeconfig;
  std::string context;         ///< Empty: the current one.
  std::string namespace_name;  ///< Empty: all.
  bool dry_run = false;        ///< Tells, and changes nothing.
};

/// What came of it.
struct MigrateOutcome {
  int migrated = 0;  ///< With dry_run: would be.
  int refused = 0;   ///< Each told with its reason.
};

/// Longest wait for one object to go. It is named when it does not.
inline constexpr std::chrono::seconds kRemovalTimeout{60};

/// Can be ended and run again at any time; what is done is not done again.
/// @param tell gets one line at a time.
/// @return the errors of kube::Client; kFailedPrecondition while upstream's
///     operator runs, which would make anew what is removed; kDeadlineExceeded
///     naming the object that does not go.
Result<MigrateOutcome> Migrate(
    kube::Client& client, const MigrateOptions& options,
    const std::function<void(std::string_view)>& tell, Clock& clock);

/// The command. @return the process's exit code: 1 too if any was refused.
int RunMigrate(const MigrateOptions& options);

}  // namespace datashim::migrate
