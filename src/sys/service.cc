#include "sys/service.h"

#include "base/log.h"
#include "sys/privileges.h"
#include "sys/signals.h"

namespace datashim::sys {

int RunService(const std::string& name, const std::string& log_level,
               const std::function<Status(std::stop_token)>& serve) {
  if (!log::SetLevel(log_level)) {
    log::Error("unknown log level", {{"level", log_level}});
    return 2;
  }
  const auto signals = StopOnSignals();
  Status status = signals.ok() ? DropPrivileges({}) : Status(signals.error());
  if (status.ok()) status = serve((*signals)->token());
  if (!status.ok()) {
    log::Error("the " + name + " cannot serve",
               {{"error", status.error().message}});
    return 1;
  }
  return 0;
}

}  // namespace datashim::sys
