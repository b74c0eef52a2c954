// ParseUrl: what it takes, it prints such that it takes it again as the same.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "net/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto url = datashim::net::ParseUrl(text);
  if (!url.ok()) return 0;
  DS_CHECK(!url->origin.host.empty() && url->origin.port != 0);
  DS_CHECK(url->path.starts_with('/'));
  const auto again = datashim::net::ParseUrl(url->ToString());
  if (url->ToString().size() <= datashim::net::kUrlBytesMax) {
    DS_CHECK(again.ok() && *again == *url);
  }
  return 0;
}
