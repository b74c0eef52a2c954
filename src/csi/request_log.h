// What the log shows of a request: all but its secrets.

#pragma once

#include <google/protobuf/message.h>

#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/result.h"

namespace datashim::csi {

/// The message on one line; every value of a field with the option
/// `csi_secret`, at any depth, is replaced. At most 4096 bytes.
std::string LogText(const google::protobuf::Message& message);

/// Logs how a request ended: at debug level, an error as a warning.
void LogRequest(std::string_view method,
                const google::protobuf::Message& request,
                MonotonicTime started_at, const Status& result);

/// Runs `body`, logs the request, and returns what `body` returned.
template <typename Body>
Status Logged(std::string_view method, const google::protobuf::Message& request,
              Body body) {
  const MonotonicTime started_at = SystemClock().Now();
  Status result = body();
  LogRequest(method, request, started_at, result);
  return result;
}

}  // namespace datashim::csi
