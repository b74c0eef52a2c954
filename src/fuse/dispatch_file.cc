// Open files.

#include <cerrno>
#include <string>
#include <utility>

#include "base/log.h"
#include "fuse/dispatcher.h"
#include "fuse/encode.h"
#include "fuse/errno_map.h"

namespace datashim::fuse {
namespace {

void AnswerRead(const Channel& channel, std::uint64_t unique,
                std::size_t bytes_max,
                const fs::FsResult<fs::ReadReply>& read) {
  if (!read.ok()) {
    channel.Reply(unique, ErrnoOf(read.error()));
    return;
  }
  if (read->size() > bytes_max) {
    log::Error("the file system read more than was asked for",
               {{"asked", std::to_string(bytes_max)},
                {"read", std::to_string(read->size())}});
    channel.Reply(unique, EIO);
    return;
  }
  channel.Reply(unique, 0, read->pieces);
}

}  // namespace

void Dispatcher::Serve(const Call& call, const request::Open& body) {
  const auto open = fs_.Open(call.inode(), body.flags);
  if (!open.ok()) {
    ReplyFailure(call, open.failure());
  } else if (!ReplyWith(call, ToOpenOut(*open))) {
    fs_.Release(open->handle);
  }
}

void Dispatcher::Serve(const Call& call, const request::Create& body) {
  const auto created = fs_.Create(call.inode(), body.name, body.mode,
                                  body.flags, call.request.caller);
  if (!created.ok()) {
    ReplyFailure(call, created.failure());
    return;
  }
  const wire::CreateOut out{ToEntryOut(created->entry),
                            ToOpenOut(created->open)};
  if (!ReplyWith(call, out)) {
    fs_.Release(created->open.handle);
    fs_.Forget(created->entry.attributes.inode, 1);
  }
}

void Dispatcher::Serve(const Call& call, const request::Read& body) {
  const std::uint64_t unique = call.request.unique;
  if (!pending_reads_->Add(unique, call.channel)) {
    ReplyError(call, EINTR);
    return;
  }
  fs_.Read(body.handle, body.range,
           [pending = pending_reads_, unique,
            size = body.range.size](fs::FsResult<fs::ReadReply> read) {
             if (const auto channel = pending->Take(unique)) {
               AnswerRead(*channel, unique, size, read);
             }
           });
}

void Dispatcher::Serve(const Call&, const request::Interrupt& body) {
  if (const auto channel = pending_reads_->TakeInterrupted(body.unique)) {
    channel->Reply(body.unique, EINTR);
  }
}

void Dispatcher::Serve(const Call& call, const request::Write& body) {
  const auto written =
      fs_.Write(body.handle, body.offset, body.data, body.owner);
  if (!written.ok()) {
    ReplyFailure(call, written.failure());
    return;
  }
  ReplyWith(call, wire::WriteOut{static_cast<std::uint32_t>(*written), 0});
}

void Dispatcher::Serve(const Call& call, const request::Flush& body) {
  ReplyStatus(call, fs_.Flush(body.handle, body.owner));
}

void Dispatcher::Serve(const Call& call, const request::Sync& body) {
  ReplyStatus(call, fs_.Sync(body.handle));
}

void Dispatcher::Serve(const Call& call, const request::Release& body) {
  fs_.Release(body.handle);
  Reply(call, {});
}

}  // namespace datashim::fuse
