// Dispatcher: asks the FileSystem what one request of the kernel asks, and
// replies. Has no thread: the caller's does the work.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "fs/file_system.h"
#include "fuse/channel.h"
#include "fuse/pending_reads.h"
#include "fuse/request.h"

namespace datashim::fuse {

/// Thread-safe. A reply that the kernel does not take any more (the caller was
/// interrupted, the mount is gone) is undone: what it would have handed to the
/// kernel, lookups and handles, is given back to the file system.
class Dispatcher {
 public:
  /// `file_system` outlives it.
  explicit Dispatcher(fs::FileSystem& file_system);

  /// Serves one request that came from `channel`. Blocks as long as the file
  /// system does; READ is answered whenever its data is there.
  void Dispatch(const Request& request,
                const std::shared_ptr<Channel>& channel);

  /// READs that are pending get no answer. No Dispatch may follow.
  void DropPending() { pending_reads_->Clear(); }

 private:
  struct Call {
    const Request& request;
    const std::shared_ptr<Channel>& channel;
    fs::InodeId inode() const { return request.inode; }
  };

  void Serve(const Call& call, const request::LookUp& body);
  void Serve(const Call& call, const request::Forget& body);
  void Serve(const Call& call, const request::GetAttributes& body);
  void Serve(const Call& call, const request::SetAttributes& body);
  void Serve(const Call& call, const request::MakeNode& body);
  void Serve(const Call& call, const request::MakeDirectory& body);
  void Serve(const Call& call, const request::RemoveDirectory& body);
  void Serve(const Call& call, const request::Unlink& body);
  void Serve(const Call& call, const request::Rename& body);
  void Serve(const Call& call, const request::MakeLink& body);
  void Serve(const Call& call, const request::StatFs& body);
  // dispatch_file.cc
  void Serve(const Call& call, const request::Open& body);
  void Serve(const Call& call, const request::Create& body);
  void Serve(const Call& call, const request::Read& body);
  void Serve(const Call& call, const request::Write& body);
  void Serve(const Call& call, const request::Flush& body);
  void Serve(const Call& call, const request::Sync& body);
  void Serve(const Call& call, const request::Release& body);
  void Serve(const Call& call, const request::Interrupt& body);
  // dispatch_directory.cc
  void Serve(const Call& call, const request::OpenDirectory& body);
  void Serve(const Call& call, const request::ReadDirectory& body);
  void Serve(const Call& call, const request::ReleaseDirectory& body);
  // The protocol itself.
  void Serve(const Call& call, const request::Init& body);
  void Serve(const Call& call, const request::Destroy& body);
  void Serve(const Call& call, const request::Unsupported& body);

  /// Each answers the call. @return false if the kernel did not take it.
  static bool Reply(const Call& call, std::span<const std::byte> bytes);
  template <typename T>
  static bool ReplyWith(const Call& call, const T& value) {
    return Reply(call, std::as_bytes(std::span(&value, 1)));
  }
  static bool ReplyError(const Call& call, int error);
  static bool ReplyFailure(const Call& call, const fs::FsFailure& failure);
  static bool ReplyStatus(const Call& call, const fs::FsStatus& status);
  /// The answer of LOOKUP, MKNOD and MKDIR; undoes the lookup if it is lost.
  void ReplyEntry(const Call& call, const fs::FsResult<fs::Entry>& entry);

  fs::FileSystem& fs_;
  // Shared with the completions of READs, which may come after Stop.
  const std::shared_ptr<PendingReads> pending_reads_;
};

}  // namespace datashim::fuse
