// Report: collects the figures of rounds and tells their medians.

#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "bench/scenario.h"

namespace datashim::bench {

/// Thread-compatible.
class Report {
 public:
  void Add(const std::string& scenario, const std::string& contender,
           const Figures& figures);

  bool empty() const { return samples_.empty(); }
  /// {"scenario": {"contender": {"metric": median}}} and a newline.
  std::string ToJson() const;
  /// One line for each metric: median, smallest, largest.
  std::string ToTable() const;

 private:
  using Metrics = std::map<std::string, std::vector<double>>;
  std::map<std::string, std::map<std::string, Metrics>> samples_;
};

}  // namespace datashim::bench
