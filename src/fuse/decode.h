// Turns the bytes of one request into a Request. Pure; believes no length and
// no count that the bytes do not bear out.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "fuse/request.h"

namespace datashim::fuse {

/// Largest READ, WRITE and READDIR we negotiate: 256 pages of 4 KiB.
inline constexpr std::uint32_t kRequestBytesMax = 1u << 20;

/// @return kInvalidArgument when header or body are short, a length disagrees
///     with the bytes, a name is not terminated, empty, or holds '/'.
Result<Request> DecodeRequest(std::span<const std::byte> bytes);

/// The `unique` of a request whose header is there, so that one whose body is
/// wrong can be answered with an error. FORGETs are never answered: nullopt.
std::optional<std::uint64_t> UniqueToAnswer(std::span<const std::byte> bytes);

}  // namespace datashim::fuse
