// Structured log lines: one JSON object a line on stderr.
//
//   log::Info("mount is ready", {{"volume", id}, {"ms", std::to_string(ms)}});
//
// An error is logged where it is handled, never where it is also returned.
// Secrets have no way in: SecretString does not convert to a string.

#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace datashim::log {

/// Severity, rising.
enum class Level { kDebug, kInfo, kWarn, kError };

using Field = std::pair<std::string_view, std::string>;
using Fields = std::initializer_list<Field>;

/// Lines below `level` are dropped. Default: kInfo. Thread-safe.
void SetLevel(Level level);
/// "debug", "info", "warn" or "error". @return false for any other text.
bool SetLevel(std::string_view name);

/// Thread-safe; never throws, never blocks on anything but stderr.
void Write(Level level, std::string_view message, Fields fields = {});

inline void Debug(std::string_view message, Fields fields = {}) {
  Write(Level::kDebug, message, fields);
}
inline void Info(std::string_view message, Fields fields = {}) {
  Write(Level::kInfo, message, fields);
}
inline void Warn(std::string_view message, Fields fields = {}) {
  Write(Level::kWarn, message, fields);
}
inline void Error(std::string_view message, Fields fields = {}) {
  Write(Level::kError, message, fields);
}

/// The line that Write emits, without time and level: `"msg":"…","k":"v"`.
/// Control characters and quotes are escaped, so that a hostile key name
/// cannot forge a line. Pure; public for its test.
std::string FormatForTest(std::string_view message, Fields fields);

}  // namespace datashim::log
