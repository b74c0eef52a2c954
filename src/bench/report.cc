#include "bench/report.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/strings.h"

namespace datashim::bench {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle]
                                : (values[middle - 1] + values[middle]) / 2;
}

template <typename... Args>
std::string Format(const char* format, Args... args) {
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), format, args...);
  return line.data();
}

// {"a": x, "b": y} out of a map, each value by `to_json`.
template <typename Map, typename ToJson>
std::string Object(const Map& map, const ToJson& to_json) {
  std::string text;
  for (const auto& [name, value] : map) {
    if (!text.empty()) text += ", ";
    text += JsonQuote(name) + ": " + to_json(value);
  }
  return "{" + text + "}";
}

}  // namespace

void Report::Add(const std::string& scenario, const std::string& contender,
                 const Figures& figures) {
  for (const auto& [metric, value] : figures) {
    samples_[scenario][contender][metric].push_back(value);
  }
}

std::string Report::ToJson() const {
  const auto median = [](const std::vector<double>& values) {
    return Format("%.6g", Median(values));
  };
  const auto metrics = [&](const Metrics& of) { return Object(of, median); };
  return Object(samples_, [&](const auto& of) { return Object(of, metrics); }) +
         "\n";
}

std::string Report::ToTable() const {
  std::string table =
      Format("%-16s%-12s%-16s%12s%12s%12s\n", "scenario", "contender", "metric",
             "median", "smallest", "largest");
  for (const auto& [scenario, contenders] : samples_) {
    for (const auto& [contender, metrics] : contenders) {
      for (const auto& [metric, values] : metrics) {
        const auto [least, most] =
            std::minmax_element(values.begin(), values.end());
        table += Format("%-16s%-12s%-16s%12.4g%12.4g%12.4g\n", scenario.c_str(),
                        contender.c_str(), metric.c_str(), Median(values),
                        *least, *most);
      }
    }
  }
  return table;
}

}  // namespace datashim::bench
