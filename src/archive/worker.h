// The `datashim unpack` process: the worker of one ARCHIVE Dataset, and of
// nobody else. What it fetches and where it puts it is in the files of a
// directory, which is a mounted Secret; nothing of that is in its arguments,
// environment or output. Wiring only.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "archive/unpack.h"
#include "base/result.h"

namespace datashim::archive {

/// How the worker runs.
struct WorkerOptions {
  /// One file for each key of dataset::UnpackRequest.
  std::string config_directory = "/etc/datashim/unpack";
  /// Gets the outcome, for the operator; empty: nowhere.
  std::string result_path;
  /// Serves GET /progress; 0: nobody asks.
  std::uint16_t progress_port = 0;
  std::string progress_address = "::";
  Limits limits;
  std::string log_level = "info";
};

/// Exit codes that the Job of the worker tells apart.
inline constexpr int kExitDone = 0;
inline constexpr int kExitTryAgain = 1;  ///< Network, server, stop.
inline constexpr int kExitForGood = 3;   ///< Another attempt ends the same.

/// Whether another attempt may end better. Pure.
bool IsWorthAnotherAttempt(ErrorCode code);

/// {"bytesRead":…,"bytesTotal":…,"bytesWritten":…,"files":…}. Pure.
std::string FormatProgress(const Progress& progress);
/// "12 files, 3.4 GiB", and what was skipped. Pure.
std::string Describe(const Summary& summary);

/// Empties the place, unpacks, and tells how it went: log lines on the way,
/// and what came of it in `result_path`.
/// @return the process's exit code.
int RunUnpack(const WorkerOptions& options);

}  // namespace datashim::archive
