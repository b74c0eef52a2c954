// Open directories.

#include "fuse/dispatcher.h"
#include "fuse/encode.h"

namespace datashim::fuse {

void Dispatcher::Serve(const Call& call, const request::OpenDirectory&) {
  const auto handle = fs_.OpenDirectory(call.inode());
  if (!handle.ok()) {
    ReplyFailure(call, handle.failure());
  } else if (!ReplyWith(call, ToOpenOut({.handle = *handle}))) {
    fs_.ReleaseDirectory(*handle);
  }
}

void Dispatcher::Serve(const Call& call, const request::ReadDirectory& body) {
  DirectoryPacker packer(body.bytes_max, body.plus);
  const fs::FsStatus status = fs_.ReadDirectory(
      body.handle, body.offset, body.plus,
      [&](const fs::DirectoryEntry& entry) { return packer.Append(entry); });
  const bool taken = status.ok() ? Reply(call, packer.bytes())
                                 : ReplyFailure(call, status.failure());
  if (status.ok() && taken) return;
  for (const fs::InodeId inode : packer.looked_up()) fs_.Forget(inode, 1);
}

void Dispatcher::Serve(const Call& call,
                       const request::ReleaseDirectory& body) {
  fs_.ReleaseDirectory(body.handle);
  Reply(call, {});
}

}  // namespace datashim::fuse
