// ResponseParser: bytes in pieces give the same answer as bytes at once, and
// it never takes more than it is given. The first byte is the size of a piece.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "net/response_parser.h"

namespace {

using datashim::OkStatus;
using datashim::Status;
using datashim::net::BodyFraming;
using datashim::net::ResponseParser;

constexpr std::size_t kHeaderBytesMax = 4096;

// Status and content of the answer; nullopt while it is not whole or if it is
// none.
std::optional<std::string> Parse(std::string_view bytes,
                                 std::size_t piece_bytes) {
  ResponseParser parser(kHeaderBytesMax, /*to_head=*/false);
  std::string content;
  std::size_t taken_total = 0;
  std::size_t given = 0;
  while (given < bytes.size()) {
    given = std::min(bytes.size(), given + piece_bytes);
    const std::string_view unused =
        bytes.substr(taken_total, given - taken_total);
    const auto on_body = [&](std::string_view piece) -> Status {
      content += piece;
      return OkStatus();
    };
    if (!parser.head_done()) {
      const auto taken = parser.ParseHead(unused);
      if (!taken.ok()) return std::nullopt;
      DS_CHECK(*taken <= unused.size());
      taken_total += *taken;
    }
    if (!parser.head_done()) continue;
    if (parser.head().framing != BodyFraming::kChunked) break;
    const std::string_view body =
        bytes.substr(taken_total, given - taken_total);
    const auto taken = parser.ParseChunks(body, on_body);
    if (!taken.ok()) return std::nullopt;
    DS_CHECK(*taken <= body.size());
    taken_total += *taken;
    if (parser.body_done()) break;
  }
  if (!parser.head_done()) return std::nullopt;
  if (parser.head().framing == BodyFraming::kChunked && !parser.body_done()) {
    return std::nullopt;
  }
  return std::to_string(parser.head().status) + " " + content;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1,
                               size - 1);
  const auto at_once = Parse(bytes, bytes.size());
  const auto in_pieces = Parse(bytes, std::size_t{1} + data[0]);
  if (at_once && in_pieces) DS_CHECK(*at_once == *in_pieces);
  return 0;
}
