#include "fuse/negotiate.h"

#include <algorithm>
#include <string>

#include "fuse/decode.h"

namespace datashim::fuse {
namespace {

// Left out on purpose: AUTO_INVAL_DATA (a GETATTR for each read once the
// attributes have expired; a new version of an object is a new inode instead),
// WRITEBACK_CACHE (excludes passthrough, and delays errors beyond close),
// ASYNC_DIO (writes of one caller would overtake each other).
constexpr std::uint64_t kWanted =
    wire::kAsyncRead | wire::kAtomicOTrunc | wire::kBigWrites |
    wire::kDoReaddirplus | wire::kReaddirplusAuto | wire::kParallelDirops |
    wire::kMaxPages | wire::kExplicitInvalData | wire::kInitExt |
    wire::kNoExportSupport | wire::kHasResend;

// Without MAX_PAGES a request has at most 32 pages.
constexpr std::uint32_t kPagesDefault = 32;

}  // namespace

Result<wire::InitOut> Negotiate(const request::Init& init,
                                std::uint16_t background_requests_max,
                                std::uint32_t page_bytes, bool passthrough) {
  wire::InitOut out{};
  out.major = wire::kMajor;
  out.minor = std::min(init.minor, wire::kMinorMax);
  if (init.major > wire::kMajor) {
    out.minor = wire::kMinorMax;
    return out;
  }
  if (init.major < wire::kMajor || init.minor < wire::kMinorMin) {
    return Error{ErrorCode::kUnimplemented,
                 "the kernel speaks FUSE protocol " +
                     std::to_string(init.major) + "." +
                     std::to_string(init.minor) +
                     ", at least 7.31 (Linux 5.4) is needed"};
  }
  const std::uint64_t flags =
      init.flags & (kWanted | (passthrough ? wire::kPassthrough : 0));
  out.flags = static_cast<std::uint32_t>(flags);
  out.flags2 = static_cast<std::uint32_t>(flags >> 32);
  // The kernel takes the smaller of this and what it has; who mounts raises
  // the latter afterwards.
  out.max_readahead = kRequestBytesMax;
  out.max_background = background_requests_max;
  // Above the threshold the kernel leaves out asynchronous readahead.
  out.congestion_threshold =
      static_cast<std::uint16_t>(background_requests_max * 3 / 4);
  out.time_gran = 1;
  // Local files of file systems that stand on no other, which leaves room for
  // an overlay above ours.
  if ((flags & wire::kPassthrough) != 0) out.max_stack_depth = 1;
  const std::uint32_t pages = (flags & wire::kMaxPages) != 0
                                  ? kRequestBytesMax / page_bytes
                                  : kPagesDefault;
  out.max_write = std::min(pages * page_bytes, kRequestBytesMax);
  if ((flags & wire::kMaxPages) != 0) {
    out.max_pages = static_cast<std::uint16_t>(pages);
  }
  return out;
}

bool AgreesOnPassthrough(const wire::InitOut& out) {
  return (out.flags2 & (wire::kPassthrough >> 32)) != 0;
}

}  // namespace datashim::fuse
