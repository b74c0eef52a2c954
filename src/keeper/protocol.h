// The messages between `node` and `keeper`: one fixed-size record each way on a
// SOCK_SEQPACKET socket, with descriptors beside it. Encoding and parsing only.
//
// Both ends run on one machine, so numbers are in its byte order. Text fills
// its field or ends at the first zero byte, and zeros follow. The first eight
// bytes (magic, version) stay as they are in every version: a peer of another
// version can be told apart and told so.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace datashim::keeper {

inline constexpr std::uint16_t kProtocolVersion = 2;
inline constexpr std::size_t kVolumeIdBytesMax = 128;
inline constexpr std::size_t kLocationIdBytesMax = 64;
inline constexpr std::size_t kPathBytesMax = 1024;
inline constexpr std::size_t kErrorBytesMax = 1024;

/// What node asks for. Descriptors: kAdoptMount sends the /dev/fuse fd and
/// maybe the state memfd, kPutState the memfd; the reply to kMountFuse has the
/// /dev/fuse fd, that to kNextMount it and maybe the state memfd.
enum class Operation : std::uint16_t {
  kHello = 1,   ///< Does nothing: is the keeper there, which version?
  kNextMount,   ///< The kept mount with the least target above `target`.
  kAdoptMount,  ///< Gives a copy back to a keeper that restarted.
  kMountFuse,
  kSetReadahead,
  kBind,
  kUnmount,
  kPutState,
  kMakeDirectory,
  kRemoveDirectory,
  kOpenBacking,  ///< `source`: the file's name below the cache directory.
  kCloseBacking,
};

/// The fields that an operation does not use are empty.
struct Request {
  std::uint64_t id = 0;  ///< The reply carries the same.
  Operation operation = Operation::kHello;
  bool read_only = false;
  bool detach = false;
  std::uint32_t readahead_kib = 0;
  std::int32_t backing_id = 0;
  std::uint64_t inode = 0;  ///< Number of the file in its file system.
  std::string volume_id;
  std::string location_id;
  std::string target;
  std::string source;

  friend bool operator==(const Request&, const Request&) = default;
};

/// `error` or the answer.
struct Reply {
  std::uint64_t id = 0;
  std::optional<Error> error;
  bool is_new = false;
  bool has_state = false;  ///< A second descriptor is there: the state memfd.
  bool read_only = false;
  std::int32_t backing_id = 0;
  std::string volume_id;
  std::string location_id;
  std::string target;

  friend bool operator==(const Reply&, const Reply&) = default;
};

inline constexpr std::size_t kRequestBytes =
    40 + kVolumeIdBytesMax + kLocationIdBytesMax + 2 * kPathBytesMax;
inline constexpr std::size_t kReplyBytes = 24 + kVolumeIdBytesMax +
                                           kLocationIdBytesMax + kPathBytesMax +
                                           kErrorBytesMax;

/// kInvalidArgument, naming the field, for text that does not fit.
Result<std::array<std::byte, kRequestBytes>> EncodeRequest(
    const Request& request);

/// Pure; takes any bytes. kInvalidArgument for what EncodeRequest cannot have
/// made; kFailedPrecondition for another version.
Result<Request> ParseRequest(std::span<const std::byte> bytes);

/// Text that does not fit is cut, which happens to error messages only.
std::array<std::byte, kReplyBytes> EncodeReply(const Reply& reply);

/// As ParseRequest.
Result<Reply> ParseReply(std::span<const std::byte> bytes);

}  // namespace datashim::keeper
