// DecodeRequest: what it takes from any bytes lies inside of them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

#include "base/check.h"
#include "fuse/decode.h"

namespace {

namespace fuse = datashim::fuse;
using Bytes = std::span<const std::byte>;

void CheckInside(Bytes whole, const void* begin, std::size_t size) {
  const auto* const first = static_cast<const std::byte*>(begin);
  DS_CHECK(size == 0 || (first >= whole.data() &&
                         first + size <= whole.data() + whole.size()));
}

void CheckName(Bytes whole, std::string_view name) {
  CheckInside(whole, name.data(), name.size());
  DS_CHECK(!name.empty());
  DS_CHECK(name.find('/') == name.npos && name.find('\0') == name.npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto request = fuse::DecodeRequest(bytes);
  if (!request.ok()) {
    DS_CHECK(size < 40 || request.error().message.size() < 200);
    return 0;
  }
  DS_CHECK(fuse::UniqueToAnswer(bytes).value_or(request->unique) ==
           request->unique);
  std::visit(
      [&](const auto& body) {
        if constexpr (requires { body.name; }) CheckName(bytes, body.name);
        if constexpr (requires { body.new_name; }) {
          CheckName(bytes, body.new_name);
        }
        if constexpr (requires { body.data; }) {
          CheckInside(bytes, body.data.data(), body.data.size());
        }
        if constexpr (requires { body.range; }) {
          DS_CHECK(body.range.size <= fuse::kRequestBytesMax);
          DS_CHECK(body.range.end() >= body.range.offset);
        }
        if constexpr (requires { body.lookups; }) {
          DS_CHECK(body.lookups.size() * 8 <= bytes.size());
        }
      },
      request->body);
  return 0;
}
