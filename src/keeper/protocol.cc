#include "keeper/protocol.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace datashim::keeper {
namespace {

constexpr std::uint32_t kMagic = 0x4d534444;  // "DDSM" in memory.

constexpr std::uint32_t kReadOnly = 1;
constexpr std::uint32_t kDetach = 2;
constexpr std::uint32_t kIsNew = 4;
constexpr std::uint32_t kHasState = 8;

struct WireRequest {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t operation;
  std::uint64_t id;
  std::uint32_t flags;
  std::uint32_t readahead_kib;
  std::uint64_t inode;
  std::int32_t backing_id;
  std::uint32_t reserved;
  std::array<char, kVolumeIdBytesMax> volume_id;
  std::array<char, kLocationIdBytesMax> location_id;
  std::array<char, kPathBytesMax> target;
  std::array<char, kPathBytesMax> source;
};
static_assert(sizeof(WireRequest) == kRequestBytes);

struct WireReply {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t code;  // Of ErrorCode; 0: no error.
  std::uint64_t id;
  std::uint32_t flags;
  std::int32_t backing_id;
  std::array<char, kVolumeIdBytesMax> volume_id;
  std::array<char, kLocationIdBytesMax> location_id;
  std::array<char, kPathBytesMax> target;
  std::array<char, kErrorBytesMax> error;
};
static_assert(sizeof(WireReply) == kReplyBytes);

Error Malformed(std::string_view why) {
  return {ErrorCode::kInvalidArgument, "keeper protocol: " + std::string(why)};
}

// Puts `text` into the zeroed field. @return false if it had to be cut.
template <std::size_t N>
bool Put(std::string_view text, std::array<char, N>& field) {
  text.copy(field.data(), N);
  return text.size() <= N && text.find('\0') == std::string_view::npos;
}

// nullopt if something follows the zero byte that ends the text.
template <std::size_t N>
std::optional<std::string> Take(const std::array<char, N>& field) {
  const auto end = std::find(field.begin(), field.end(), '\0');
  if (std::any_of(end, field.end(), [](char c) { return c != '\0'; })) {
    return std::nullopt;
  }
  return std::string(field.begin(), end);
}

// Copies the record out of the bytes; checks what all versions share.
template <typename Wire>
Status TakeRecord(std::span<const std::byte> bytes, Wire& wire) {
  constexpr std::size_t kHeaderBytes = offsetof(Wire, version) + 2;
  if (bytes.size() < kHeaderBytes) return Malformed("a message is too short");
  std::memcpy(&wire, bytes.data(), std::min(bytes.size(), sizeof(wire)));
  if (wire.magic != kMagic) return Malformed("a message has a wrong magic");
  if (wire.version != kProtocolVersion) {
    return Error{ErrorCode::kFailedPrecondition,
                 "keeper protocol: the peer speaks version " +
                     std::to_string(wire.version) + ", this process " +
                     std::to_string(kProtocolVersion) +
                     "; restart the older one of node and keeper"};
  }
  if (bytes.size() != sizeof(wire)) {
    return Malformed("a message has a wrong size");
  }
  return OkStatus();
}

}  // namespace

Result<std::array<std::byte, kRequestBytes>> EncodeRequest(
    const Request& request) {
  WireRequest wire = {};
  wire.magic = kMagic;
  wire.version = kProtocolVersion;
  wire.operation = static_cast<std::uint16_t>(request.operation);
  wire.id = request.id;
  wire.flags =
      (request.read_only ? kReadOnly : 0) | (request.detach ? kDetach : 0);
  wire.readahead_kib = request.readahead_kib;
  wire.inode = request.inode;
  wire.backing_id = request.backing_id;
  if (!Put(request.volume_id, wire.volume_id)) {
    return Malformed("the volume id is too long or has a zero byte");
  }
  if (!Put(request.location_id, wire.location_id)) {
    return Malformed("the location id is too long or has a zero byte");
  }
  if (!Put(request.target, wire.target) || !Put(request.source, wire.source)) {
    return Malformed("a path is too long or has a zero byte");
  }
  std::array<std::byte, kRequestBytes> bytes;
  std::memcpy(bytes.data(), &wire, sizeof(wire));
  return bytes;
}

Result<Request> ParseRequest(std::span<const std::byte> bytes) {
  WireRequest wire = {};
  DS_RETURN_IF_ERROR(TakeRecord(bytes, wire));
  if (wire.operation < static_cast<std::uint16_t>(Operation::kHello) ||
      wire.operation > static_cast<std::uint16_t>(Operation::kCloseBacking)) {
    return Malformed("unknown operation " + std::to_string(wire.operation));
  }
  if ((wire.flags & ~(kReadOnly | kDetach)) != 0 || wire.reserved != 0) {
    return Malformed("unknown flags in a request");
  }
  const auto volume_id = Take(wire.volume_id);
  const auto location_id = Take(wire.location_id);
  const auto target = Take(wire.target);
  const auto source = Take(wire.source);
  if (!volume_id || !location_id || !target || !source) {
    return Malformed("bytes after the end of a text");
  }
  Request request;
  request.id = wire.id;
  request.operation = static_cast<Operation>(wire.operation);
  request.read_only = (wire.flags & kReadOnly) != 0;
  request.detach = (wire.flags & kDetach) != 0;
  request.readahead_kib = wire.readahead_kib;
  request.inode = wire.inode;
  request.backing_id = wire.backing_id;
  request.volume_id = *volume_id;
  request.location_id = *location_id;
  request.target = *target;
  request.source = *source;
  return request;
}

std::array<std::byte, kReplyBytes> EncodeReply(const Reply& reply) {
  WireReply wire = {};
  wire.magic = kMagic;
  wire.version = kProtocolVersion;
  wire.id = reply.id;
  wire.flags = (reply.read_only ? kReadOnly : 0) | (reply.is_new ? kIsNew : 0) |
               (reply.has_state ? kHasState : 0);
  wire.backing_id = reply.backing_id;
  Put(reply.volume_id, wire.volume_id);
  Put(reply.location_id, wire.location_id);
  Put(reply.target, wire.target);
  if (reply.error) {
    wire.code = static_cast<std::uint16_t>(reply.error->code);
    Put(reply.error->message, wire.error);
  }
  std::array<std::byte, kReplyBytes> bytes;
  std::memcpy(bytes.data(), &wire, sizeof(wire));
  return bytes;
}

Result<Reply> ParseReply(std::span<const std::byte> bytes) {
  WireReply wire = {};
  DS_RETURN_IF_ERROR(TakeRecord(bytes, wire));
  if (wire.code > static_cast<std::uint16_t>(ErrorCode::kUnauthenticated)) {
    return Malformed("unknown error code " + std::to_string(wire.code));
  }
  if ((wire.flags & ~(kReadOnly | kIsNew | kHasState)) != 0) {
    return Malformed("unknown flags in a reply");
  }
  const auto volume_id = Take(wire.volume_id);
  const auto location_id = Take(wire.location_id);
  const auto target = Take(wire.target);
  const auto error = Take(wire.error);
  if (!volume_id || !location_id || !target || !error) {
    return Malformed("bytes after the end of a text");
  }
  Reply reply;
  reply.id = wire.id;
  if (wire.code != 0) {
    reply.error = Error{static_cast<ErrorCode>(wire.code), *error};
  }
  reply.is_new = (wire.flags & kIsNew) != 0;
  reply.has_state = (wire.flags & kHasState) != 0;
  reply.read_only = (wire.flags & kReadOnly) != 0;
  reply.backing_id = wire.backing_id;
  reply.volume_id = *volume_id;
  reply.location_id = *location_id;
  reply.target = *target;
  return reply;
}

}  // namespace datashim::keeper
