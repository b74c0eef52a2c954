// What the kernel asks, as values. Made by DecodeRequest only, so whoever has
// one need not check lengths again.

#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "fs/file_system.h"

namespace datashim::fuse {

/// The body of each request that we serve. Names and data point into the
/// buffer that was decoded; names are not empty and hold neither '/' nor NUL.
namespace request {

struct Init {
  std::uint32_t major = 0;
  std::uint32_t minor = 0;
  std::uint32_t max_readahead = 0;  // Bytes.
  std::uint64_t flags = 0;          // flags2 in the upper half.
};
struct Destroy {};
struct LookUp {
  std::string_view name;
};
struct Forget {
  std::vector<std::pair<fs::InodeId, std::uint64_t>> lookups;
};
struct GetAttributes {};
struct SetAttributes {
  fs::AttributeChange change;
  bool modified_now = false;
};
struct Open {
  fs::OpenFlags flags;
};
struct Create {
  std::string_view name;
  std::uint32_t mode = 0;
  fs::OpenFlags flags;
};
struct MakeNode {
  std::string_view name;
  std::uint32_t mode = 0;  // With the file type.
};
struct Read {
  fs::HandleId handle = 0;
  store::ByteRange range;
};
struct Write {
  fs::HandleId handle = 0;
  std::uint64_t offset = 0;
  std::span<const std::byte> data;
  fs::OwnerId owner = 0;
};
struct Flush {
  fs::HandleId handle = 0;
  fs::OwnerId owner = 0;
};
struct Sync {
  fs::HandleId handle = 0;
};
struct Release {
  fs::HandleId handle = 0;
};
struct OpenDirectory {};
struct ReadDirectory {
  fs::HandleId handle = 0;
  std::uint64_t offset = 0;
  std::size_t bytes_max = 0;
  bool plus = false;
};
struct ReleaseDirectory {
  fs::HandleId handle = 0;
};
struct MakeDirectory {
  std::string_view name;
  std::uint32_t mode = 0;
};
struct RemoveDirectory {
  std::string_view name;
};
struct Unlink {
  std::string_view name;
};
struct Rename {
  std::string_view name;
  fs::InodeId new_parent = 0;
  std::string_view new_name;
  std::uint32_t flags = 0;  // Of renameat2(2).
};
/// SYMLINK and LINK: an object store has neither.
struct MakeLink {};
struct StatFs {};
struct Interrupt {
  std::uint64_t unique = 0;
};
/// Every other opcode.
struct Unsupported {};

}  // namespace request

using RequestBody = std::variant<
    request::Unsupported, request::Init, request::Destroy, request::LookUp,
    request::Forget, request::GetAttributes, request::SetAttributes,
    request::Open, request::Create, request::MakeNode, request::Read,
    request::Write, request::Flush, request::Sync, request::Release,
    request::OpenDirectory, request::ReadDirectory, request::ReleaseDirectory,
    request::MakeDirectory, request::RemoveDirectory, request::Unlink,
    request::Rename, request::MakeLink, request::StatFs, request::Interrupt>;

/// One request of the kernel.
struct Request {
  std::uint32_t opcode = 0;
  std::uint64_t unique = 0;  ///< Names the request in its reply; opaque.
  fs::InodeId inode = 0;
  fs::Caller caller;
  RequestBody body;
};

}  // namespace datashim::fuse
