// What a session and the kernel agree on when the mount starts (FUSE_INIT).
// Pure.

#pragma once

#include <cstdint>

#include "base/result.h"
#include "fuse/protocol.h"
#include "fuse/request.h"

namespace datashim::fuse {

/// Answers the kernel's INIT. `passthrough`: whether it shall read local files
/// by itself, if it can; the answer says so in its flags. For a major version
/// beyond ours the answer only names ours, and the kernel sends another INIT.
/// @return kUnimplemented for a kernel before protocol 7.31.
Result<wire::InitOut> Negotiate(const request::Init& init,
                                std::uint16_t background_requests_max,
                                std::uint32_t page_bytes, bool passthrough);

/// Whether the answer agrees on passthrough.
bool AgreesOnPassthrough(const wire::InitOut& out);

}  // namespace datashim::fuse
