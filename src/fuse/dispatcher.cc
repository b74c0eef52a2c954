// Names, attributes and the protocol itself.

#include "fuse/dispatcher.h"

#include <linux/fs.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <string>
#include <variant>

#include "base/log.h"
#include "fuse/encode.h"
#include "fuse/errno_map.h"

namespace datashim::fuse {

Dispatcher::Dispatcher(fs::FileSystem& file_system)
    : fs_(file_system), pending_reads_(std::make_shared<PendingReads>()) {}

void Dispatcher::Dispatch(const Request& request,
                          const std::shared_ptr<Channel>& channel) {
  const Call call{request, channel};
  std::visit([&](const auto& body) { Serve(call, body); }, request.body);
}

bool Dispatcher::Reply(const Call& call, std::span<const std::byte> bytes) {
  const std::array pieces{bytes};
  const int error = call.channel->Reply(call.request.unique, 0, pieces);
  if (error != 0 && error != ENOENT && error != ENODEV) {
    // The kernel found fault with the reply and failed its request with EIO.
    log::Error("the kernel refused a FUSE reply",
               {{"opcode", std::to_string(call.request.opcode)},
                {"errno", std::to_string(error)}});
  }
  return error == 0;
}

bool Dispatcher::ReplyError(const Call& call, int error) {
  return call.channel->Reply(call.request.unique, error) == 0;
}

bool Dispatcher::ReplyFailure(const Call& call, const fs::FsFailure& failure) {
  return ReplyError(call, ErrnoOf(failure.error));
}

bool Dispatcher::ReplyStatus(const Call& call, const fs::FsStatus& status) {
  return status.ok() ? Reply(call, {}) : ReplyFailure(call, status.failure());
}

void Dispatcher::ReplyEntry(const Call& call,
                            const fs::FsResult<fs::Entry>& entry) {
  if (!entry.ok()) {
    ReplyFailure(call, entry.failure());
  } else if (!ReplyWith(call, ToEntryOut(*entry))) {
    fs_.Forget(entry->attributes.inode, 1);
  }
}

void Dispatcher::Serve(const Call& call, const request::LookUp& body) {
  ReplyEntry(call, fs_.LookUp(call.inode(), body.name));
}

void Dispatcher::Serve(const Call&, const request::Forget& body) {
  for (const auto& [inode, lookups] : body.lookups) fs_.Forget(inode, lookups);
}

void Dispatcher::Serve(const Call& call, const request::GetAttributes&) {
  const auto entry = fs_.GetAttributes(call.inode());
  if (!entry.ok()) {
    ReplyFailure(call, entry.failure());
    return;
  }
  ReplyWith(call, ToAttrOut(*entry));
}

void Dispatcher::Serve(const Call& call, const request::SetAttributes& body) {
  fs::AttributeChange change = body.change;
  if (body.modified_now) change.modified = SystemClock().WallNow();
  const auto entry = fs_.SetAttributes(call.inode(), change);
  if (!entry.ok()) {
    ReplyFailure(call, entry.failure());
    return;
  }
  ReplyWith(call, ToAttrOut(*entry));
}

void Dispatcher::Serve(const Call& call, const request::MakeNode& body) {
  if ((body.mode & S_IFMT) != S_IFREG && (body.mode & S_IFMT) != 0) {
    ReplyError(call, EPERM);  // What mknod(2) says of devices and pipes.
    return;
  }
  const auto created =
      fs_.Create(call.inode(), body.name, body.mode & 07777,
                 {.write = true, .exclusive = true}, call.request.caller);
  if (!created.ok()) {
    ReplyFailure(call, created.failure());
    return;
  }
  const fs::FsStatus stored = fs_.Flush(created->open.handle, 0);
  fs_.Release(created->open.handle);
  if (!stored.ok()) {
    fs_.Forget(created->entry.attributes.inode, 1);
    ReplyFailure(call, stored.failure());
    return;
  }
  ReplyEntry(call, created->entry);
}

void Dispatcher::Serve(const Call& call, const request::MakeDirectory& body) {
  ReplyEntry(call, fs_.MakeDirectory(call.inode(), body.name, body.mode & 07777,
                                     call.request.caller));
}

void Dispatcher::Serve(const Call& call, const request::RemoveDirectory& body) {
  ReplyStatus(call, fs_.RemoveDirectory(call.inode(), body.name));
}

void Dispatcher::Serve(const Call& call, const request::Unlink& body) {
  ReplyStatus(call, fs_.Unlink(call.inode(), body.name));
}

void Dispatcher::Serve(const Call& call, const request::Rename& body) {
  if ((body.flags & ~unsigned{RENAME_NOREPLACE}) != 0) {
    ReplyError(call, EINVAL);
    return;
  }
  ReplyStatus(
      call, fs_.Rename(call.inode(), body.name, body.new_parent, body.new_name,
                       (body.flags & RENAME_NOREPLACE) != 0));
}

void Dispatcher::Serve(const Call& call, const request::MakeLink&) {
  ReplyError(call, EPERM);  // What link(2) and symlink(2) say of such systems.
}

void Dispatcher::Serve(const Call& call, const request::StatFs&) {
  ReplyWith(call, ToStatfsOut(fs_.GetStatFs()));
}

void Dispatcher::Serve(const Call& call, const request::Init&) {
  ReplyError(call, EIO);  // INIT comes once, and Session answers it.
}

void Dispatcher::Serve(const Call& call, const request::Destroy&) {
  Reply(call, {});
}

void Dispatcher::Serve(const Call& call, const request::Unsupported&) {
  // The kernel does without, most often for good: extended attributes fail with
  // EOPNOTSUPP, ACCESS is decided by mode bits, SEEK_HOLE finds none.
  ReplyError(call, ENOSYS);
}

}  // namespace datashim::fuse
