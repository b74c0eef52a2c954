// The watch parser: any bytes, cut anywhere, give the same events or an error.

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "kube/watch.h"

namespace {

using datashim::kube::WatchEvent;
using datashim::kube::WatchParser;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1,
                              size - 1);
  const std::size_t cut = size > 1 ? data[0] % size : 0;

  WatchParser whole(4096);
  std::vector<WatchEvent> events;
  const auto status = whole.Feed(text, events);

  WatchParser halves(4096);
  std::vector<WatchEvent> same_events;
  auto same = halves.Feed(text.substr(0, cut), same_events);
  if (same.ok()) same = halves.Feed(text.substr(cut), same_events);

  DS_CHECK(status.ok() == same.ok());
  DS_CHECK(events.size() == same_events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    DS_CHECK(events[i].type == same_events[i].type);
    DS_CHECK(*events[i].object == *same_events[i].object);
    DS_CHECK(!datashim::kube::ResourceVersionOf(*events[i].object).empty());
  }
  return 0;
}
