// ParseError: what reaches logs and events is short and printable.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "s3/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  const auto error = datashim::s3::ParseError(xml);
  if (!error) return 0;
  const auto printable = [](std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return c >= ' ' && c <= '~'; });
  };
  DS_CHECK(!error->code.empty() && error->code.size() <= 64);
  DS_CHECK(error->message.size() <= 256 && error->region.size() <= 64);
  DS_CHECK(printable(error->code) && printable(error->message) &&
           printable(error->region));
  return 0;
}
