#include "fuse/decode.h"

#include <fcntl.h>

#include <chrono>
#include <cstring>
#include <string>

#include "fuse/protocol.h"

namespace datashim::fuse {
namespace {

using wire::Opcode;

Error Malformed(const wire::InHeader& header, std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          "FUSE request with opcode " + std::to_string(header.opcode) +
              " and " + std::to_string(header.len) +
              " bytes: " + std::string(why)};
}

/// The bytes behind the header, taken from the front.
class Cursor {
 public:
  Cursor(const wire::InHeader& header, std::span<const std::byte> bytes)
      : header_(header), bytes_(bytes) {}

  template <typename T>
  Result<T> Take() {
    if (bytes_.size() < sizeof(T)) return Malformed(header_, "body is short");
    T value;
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_ = bytes_.subspan(sizeof(T));
    return value;
  }

  Result<std::string_view> TakeName() {
    const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()),
                                bytes_.size());
    const std::size_t end = rest.find('\0');
    if (end == rest.npos) return Malformed(header_, "name has no end");
    const std::string_view name = rest.substr(0, end);
    if (name.empty()) return Malformed(header_, "name is empty");
    if (name.find('/') != name.npos) return Malformed(header_, "name has a /");
    bytes_ = bytes_.subspan(end + 1);
    return name;
  }

  Result<std::span<const std::byte>> TakeData(std::size_t size) {
    if (bytes_.size() != size) return Malformed(header_, "size is wrong");
    return bytes_;
  }

  const wire::InHeader& header() const { return header_; }
  std::size_t remaining() const { return bytes_.size(); }

 private:
  const wire::InHeader& header_;
  std::span<const std::byte> bytes_;
};

fs::OpenFlags ToOpenFlags(std::uint32_t flags) {
  const std::uint32_t access = flags & O_ACCMODE;
  return {.read = access == O_RDONLY || access == O_RDWR,
          .write = access == O_WRONLY || access == O_RDWR,
          .append = (flags & O_APPEND) != 0,
          .truncate = (flags & O_TRUNC) != 0,
          .exclusive = (flags & O_EXCL) != 0};
}

Result<request::Init> DecodeInit(Cursor& in) {
  // Until 7.35 the structure ended behind `flags`.
  wire::InitIn init{};
  if (in.remaining() >= sizeof(init)) {
    DS_ASSIGN_OR_RETURN(init, in.Take<wire::InitIn>());
  } else {
    struct OldInitIn {
      std::uint32_t major, minor, max_readahead, flags;
    };
    DS_ASSIGN_OR_RETURN(const auto old, in.Take<OldInitIn>());
    init.major = old.major;
    init.minor = old.minor;
    init.max_readahead = old.max_readahead;
    init.flags = old.flags;
  }
  std::uint64_t flags = init.flags;
  if ((flags & wire::kInitExt) != 0) flags |= std::uint64_t{init.flags2} << 32;
  return request::Init{init.major, init.minor, init.max_readahead, flags};
}

Result<request::Forget> DecodeForget(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto forget, in.Take<wire::ForgetIn>());
  return request::Forget{{{in.header().nodeid, forget.nlookup}}};
}

Result<request::Forget> DecodeBatchForget(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto batch, in.Take<wire::BatchForgetIn>());
  if (batch.count > in.remaining() / sizeof(wire::ForgetOne)) {
    return Malformed(in.header(), "count is wrong");
  }
  request::Forget forget;
  forget.lookups.reserve(batch.count);
  for (std::uint32_t i = 0; i < batch.count; ++i) {
    DS_ASSIGN_OR_RETURN(const auto one, in.Take<wire::ForgetOne>());
    forget.lookups.emplace_back(one.nodeid, one.nlookup);
  }
  return forget;
}

Result<request::SetAttributes> DecodeSetAttributes(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto set, in.Take<wire::SetattrIn>());
  request::SetAttributes result;
  fs::AttributeChange& change = result.change;
  if (set.valid & wire::kSetMode) change.mode = set.mode & 07777;
  if (set.valid & wire::kSetUid) change.uid = set.uid;
  if (set.valid & wire::kSetGid) change.gid = set.gid;
  if (set.valid & wire::kSetSize) change.size = set.size;
  if (set.valid & wire::kSetFh) change.handle = set.fh;
  if (set.valid & wire::kSetMtimeNow) {
    result.modified_now = true;
  } else if (set.valid & wire::kSetMtime) {
    // Seconds of a WallTime end in the year 2262; the kernel's do not.
    constexpr std::int64_t kSecondsMax = 9'000'000'000;
    const auto seconds = static_cast<std::int64_t>(set.mtime);
    if (seconds > kSecondsMax || seconds < -kSecondsMax ||
        set.mtimensec >= 1'000'000'000) {
      return Malformed(in.header(), "time is out of range");
    }
    change.modified = WallTime(std::chrono::seconds(seconds) +
                               std::chrono::nanoseconds(set.mtimensec));
  }
  return result;
}

Result<request::Open> DecodeOpen(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto open, in.Take<wire::OpenIn>());
  return request::Open{ToOpenFlags(open.flags)};
}

Result<request::Flush> DecodeFlush(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto flush, in.Take<wire::ReleaseIn>());
  return request::Flush{flush.fh, flush.lock_owner};
}

Result<request::Interrupt> DecodeInterrupt(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto interrupt, in.Take<wire::InterruptIn>());
  return request::Interrupt{interrupt.unique};
}

Result<request::Create> DecodeCreate(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto create, in.Take<wire::CreateIn>());
  DS_ASSIGN_OR_RETURN(const auto name, in.TakeName());
  return request::Create{name, create.mode & 07777, ToOpenFlags(create.flags)};
}

Result<wire::ReadIn> TakeRead(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto read, in.Take<wire::ReadIn>());
  if (read.size > kRequestBytesMax) {
    return Malformed(in.header(), "asks for more than was negotiated");
  }
  return read;
}

Result<request::Read> DecodeRead(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto read, TakeRead(in));
  if (read.offset > UINT64_MAX - read.size) {
    return Malformed(in.header(), "offset is out of range");
  }
  return request::Read{read.fh, {read.offset, read.size}};
}

Result<request::ReadDirectory> DecodeReadDirectory(Cursor& in, bool plus) {
  DS_ASSIGN_OR_RETURN(const auto read, TakeRead(in));
  return request::ReadDirectory{read.fh, read.offset, read.size, plus};
}

Result<request::Write> DecodeWrite(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto write, in.Take<wire::WriteIn>());
  DS_ASSIGN_OR_RETURN(const auto data, in.TakeData(write.size));
  if (write.offset > UINT64_MAX - write.size) {
    return Malformed(in.header(), "offset is out of range");
  }
  const bool has_owner = (write.write_flags & wire::kWriteLockOwner) != 0;
  return request::Write{write.fh, write.offset, data,
                        has_owner ? write.lock_owner : 0};
}

Result<request::Rename> DecodeRename(Cursor& in, Opcode opcode) {
  request::Rename rename;
  if (opcode == Opcode::kRename) {
    DS_ASSIGN_OR_RETURN(const auto old, in.Take<wire::RenameIn>());
    rename.new_parent = old.newdir;
  } else {
    DS_ASSIGN_OR_RETURN(const auto with_flags, in.Take<wire::Rename2In>());
    rename.new_parent = with_flags.newdir;
    rename.flags = with_flags.flags;
  }
  DS_ASSIGN_OR_RETURN(rename.name, in.TakeName());
  DS_ASSIGN_OR_RETURN(rename.new_name, in.TakeName());
  return rename;
}

template <typename Body>
Result<Body> DecodeName(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto name, in.TakeName());
  return Body{name};
}

/// A mode, then a name.
template <typename Body, typename Wire>
Result<Body> DecodeModeAndName(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto head, in.Take<Wire>());
  DS_ASSIGN_OR_RETURN(const auto name, in.TakeName());
  return Body{name, head.mode};
}

/// A structure that starts with the handle.
template <typename Body, typename Wire>
Result<Body> DecodeHandle(Cursor& in) {
  DS_ASSIGN_OR_RETURN(const auto head, in.Take<Wire>());
  return Body{head.fh};
}

/// Any of the results above as the variant.
template <typename Body>
Result<RequestBody> Any(Result<Body> body) {
  if (!body.ok()) return std::move(body).error();
  return RequestBody(*std::move(body));
}

Result<RequestBody> DecodeBody(Cursor& in) {
  using namespace request;
  const auto opcode = static_cast<Opcode>(in.header().opcode);
  switch (opcode) {
    case Opcode::kInit:
      return Any(DecodeInit(in));
    case Opcode::kDestroy:
      return RequestBody(Destroy{});
    case Opcode::kLookup:
      return Any(DecodeName<LookUp>(in));
    case Opcode::kForget:
      return Any(DecodeForget(in));
    case Opcode::kBatchForget:
      return Any(DecodeBatchForget(in));
    case Opcode::kGetattr:
      return RequestBody(GetAttributes{});
    case Opcode::kSetattr:
      return Any(DecodeSetAttributes(in));
    case Opcode::kOpen:
      return Any(DecodeOpen(in));
    case Opcode::kCreate:
      return Any(DecodeCreate(in));
    case Opcode::kMknod:
      return Any(DecodeModeAndName<MakeNode, wire::MknodIn>(in));
    case Opcode::kRead:
      return Any(DecodeRead(in));
    case Opcode::kWrite:
      return Any(DecodeWrite(in));
    case Opcode::kFlush:
      return Any(DecodeFlush(in));
    case Opcode::kFsync:
      return Any(DecodeHandle<Sync, wire::FsyncIn>(in));
    case Opcode::kRelease:
      return Any(DecodeHandle<Release, wire::ReleaseIn>(in));
    case Opcode::kOpendir:
      return RequestBody(OpenDirectory{});
    case Opcode::kReaddir:
      return Any(DecodeReadDirectory(in, false));
    case Opcode::kReaddirplus:
      return Any(DecodeReadDirectory(in, true));
    case Opcode::kReleasedir:
      return Any(DecodeHandle<ReleaseDirectory, wire::ReleaseIn>(in));
    case Opcode::kMkdir:
      return Any(DecodeModeAndName<MakeDirectory, wire::MkdirIn>(in));
    case Opcode::kRmdir:
      return Any(DecodeName<RemoveDirectory>(in));
    case Opcode::kUnlink:
      return Any(DecodeName<Unlink>(in));
    case Opcode::kRename:
    case Opcode::kRename2:
      return Any(DecodeRename(in, opcode));
    case Opcode::kSymlink:
    case Opcode::kLink:
      return RequestBody(MakeLink{});
    case Opcode::kStatfs:
      return RequestBody(StatFs{});
    case Opcode::kInterrupt:
      return Any(DecodeInterrupt(in));
  }
  return RequestBody(Unsupported{});
}

}  // namespace

Result<Request> DecodeRequest(std::span<const std::byte> bytes) {
  wire::InHeader header{};
  if (bytes.size() < sizeof(header)) {
    return Error{ErrorCode::kInvalidArgument, "FUSE request of " +
                                                  std::to_string(bytes.size()) +
                                                  " bytes: header is short"};
  }
  std::memcpy(&header, bytes.data(), sizeof(header));
  if (header.len != bytes.size()) {
    return Malformed(header, "length in the header is wrong");
  }
  Cursor in(header, bytes.subspan(sizeof(header)));
  DS_ASSIGN_OR_RETURN(RequestBody body, DecodeBody(in));
  return Request{.opcode = header.opcode,
                 .unique = header.unique,
                 .inode = header.nodeid,
                 .caller = {header.uid, header.gid},
                 .body = std::move(body)};
}

std::optional<std::uint64_t> UniqueToAnswer(std::span<const std::byte> bytes) {
  wire::InHeader header{};
  if (bytes.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof(header));
  const auto opcode = static_cast<Opcode>(header.opcode);
  if (opcode == Opcode::kForget || opcode == Opcode::kBatchForget ||
      opcode == Opcode::kInterrupt) {
    return std::nullopt;
  }
  return header.unique;
}

}  // namespace datashim::fuse
