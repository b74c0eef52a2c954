// The keeper's protocol: what parses is what the other end can have sent, and
// what the policy lets through stays below its directory.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "keeper/policy.h"
#include "keeper/protocol.h"

namespace {

namespace keeper = datashim::keeper;
using Bytes = std::span<const std::byte>;

void CheckStaysBelow(std::string_view relative) {
  DS_CHECK(!relative.empty() && relative.front() != '/');
  for (const std::string_view part : datashim::Split(relative, '/')) {
    DS_CHECK(!part.empty() && part != "." && part != "..");
  }
}

void CheckRequest(Bytes bytes) {
  const auto request = keeper::ParseRequest(bytes);
  if (!request.ok()) return;
  const auto again = keeper::EncodeRequest(*request);
  DS_CHECK(again.ok());
  DS_CHECK(
      std::equal(bytes.begin(), bytes.end(), again->begin(), again->end()));
  if (keeper::CheckRelative(request->source).ok()) {
    CheckStaysBelow(request->source);
  }
  constexpr std::string_view kKubelet = "/var/lib/kubelet";
  if (const auto path = keeper::RelativeToKubelet(kKubelet, request->target);
      path.ok()) {
    CheckStaysBelow(*path);
  }
}

void CheckReply(Bytes bytes) {
  const auto reply = keeper::ParseReply(bytes);
  if (!reply.ok()) return;
  const auto again = keeper::EncodeReply(*reply);
  // A reply without an error may have carried the text of one.
  const auto parsed = keeper::ParseReply(again);
  DS_CHECK(parsed.ok() && *parsed == *reply);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  CheckRequest(bytes);
  CheckReply(bytes);
  return 0;
}
