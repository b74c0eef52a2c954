#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "base/strings.h"

namespace datashim::log {
namespace {

spdlog::level::level_enum ToSpdlog(Level level) {
  switch (level) {
    case Level::kDebug:
      return spdlog::level::debug;
    case Level::kInfo:
      return spdlog::level::info;
    case Level::kWarn:
      return spdlog::level::warn;
    case Level::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& Logger() {
  static spdlog::logger* const logger = [] {
    auto* made = new spdlog::logger(
        "datashim", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})",
                      spdlog::pattern_time_type::utc);
    made->set_level(spdlog::level::info);
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

}  // namespace

void SetLevel(Level level) { Logger().set_level(ToSpdlog(level)); }

bool SetLevel(std::string_view name) {
  constexpr std::pair<std::string_view, Level> kLevels[] = {
      {"debug", Level::kDebug},
      {"info", Level::kInfo},
      {"warn", Level::kWarn},
      {"error", Level::kError}};
  for (const auto& [text, level] : kLevels) {
    if (text != name) continue;
    SetLevel(level);
    return true;
  }
  return false;
}

std::string FormatForTest(std::string_view message, Fields fields) {
  std::string line = R"("msg":)" + JsonQuote(message);
  for (const auto& [key, value] : fields) {
    line.append(",")
        .append(JsonQuote(key))
        .append(":")
        .append(JsonQuote(value));
  }
  return line;
}

void Write(Level level, std::string_view message, Fields fields) {
  spdlog::logger& logger = Logger();
  if (!logger.should_log(ToSpdlog(level))) return;
  logger.log(ToSpdlog(level), "{}", FormatForTest(message, fields));
}

}  // namespace datashim::log
