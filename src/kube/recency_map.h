// RecencyMap: a bounded map that forgets the entry used least recently.

#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace datashim::kube {

/// Thread-compatible.
template <typename Value>
class RecencyMap {
 public:
  explicit RecencyMap(std::size_t items_max) : items_max_(items_max) {}

  /// The entry of the key, made by default if it is new; the most recent from
  /// now on. Valid until the next call.
  Value& Touch(const std::string& key) {
    if (const auto it = by_key_.find(key); it != by_key_.end()) {
      entries_.splice(entries_.begin(), entries_, it->second);
      return entries_.front().second;
    }
    if (entries_.size() >= items_max_) {
      by_key_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Value());
    by_key_.emplace(key, entries_.begin());
    return entries_.front().second;
  }

  std::size_t size() const { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;

  const std::size_t items_max_;
  Entries entries_;  ///< Most recent first.
  std::unordered_map<std::string, typename Entries::iterator> by_key_;
};

}  // namespace datashim::kube
