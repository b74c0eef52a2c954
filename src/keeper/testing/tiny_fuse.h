// TinyFuse: the least a FUSE server has to answer so that its mount is alive: a
// root directory without entries. Agrees on passthrough. Stands for node in the
// keeper's tests.

#pragma once

#include <linux/fuse.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "sys/unique_fd.h"

namespace datashim::keeper::testing {

/// Serves in a thread of its own until it ends. Closes its descriptor.
class TinyFuse {
 public:
  explicit TinyFuse(sys::UniqueFd fd)
      : fd_(std::move(fd)), wake_(::eventfd(0, EFD_CLOEXEC)) {
    thread_ = std::thread([this] { Run(); });
  }
  ~TinyFuse() {
    ::eventfd_write(wake_.get(), 1);
    thread_.join();
  }

  bool saw_init() const { return saw_init_; }
  /// The kernel offered passthrough. REQUIRES: saw_init().
  bool saw_passthrough() const { return saw_passthrough_; }

 private:
  void Run() {
    for (;;) {
      pollfd entries[] = {{fd_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
      ::poll(entries, 2, -1);
      if (entries[1].revents != 0) return;
      const ssize_t got = ::read(fd_.get(), buffer_.data(), buffer_.size());
      if (got < 0 && errno == ENODEV) return;  // Unmounted.
      if (got < static_cast<ssize_t>(sizeof(fuse_in_header))) continue;
      fuse_in_header header = {};
      std::memcpy(&header, buffer_.data(), sizeof(header));
      Answer(header);
    }
  }

  // Of a <linux/fuse.h> that is newer than Debian's.
  static constexpr std::uint32_t kPassthrough2 = 1u << (37 - 32);

  void Answer(const fuse_in_header& header) {
    switch (header.opcode) {
      case FUSE_INIT: {
        fuse_init_in in = {};
        std::memcpy(&in, buffer_.data() + sizeof(header), sizeof(in));
        fuse_init_out out = {};
        if ((in.flags & FUSE_INIT_EXT) != 0 && (in.flags2 & kPassthrough2)) {
          saw_passthrough_ = true;
          out.flags = FUSE_INIT_EXT;
          out.flags2 = kPassthrough2;
          out.unused[0] = 1;  // max_stack_depth
        }
        saw_init_ = true;
        out.major = FUSE_KERNEL_VERSION;
        out.minor = 31;
        out.max_readahead = 1 << 20;
        out.max_write = 128 * 1024;
        return Reply(header, 0, out);
      }
      case FUSE_GETATTR: {
        fuse_attr_out out = {};
        out.attr.ino = FUSE_ROOT_ID;
        out.attr.mode = S_IFDIR | 0755;
        out.attr.nlink = 2;
        return Reply(header, 0, out);
      }
      case FUSE_LOOKUP:
        return Reply(header, -ENOENT, std::array<char, 0>());
      case FUSE_FORGET:
      case FUSE_BATCH_FORGET:
      case FUSE_INTERRUPT:
        return;
      default:
        return Reply(header, -ENOSYS, std::array<char, 0>());
    }
  }

  template <typename Body>
  void Reply(const fuse_in_header& header, int error, const Body& body) {
    fuse_out_header out = {};
    out.unique = header.unique;
    out.error = error;
    const std::size_t body_bytes = error == 0 ? sizeof(body) : 0;
    out.len = static_cast<std::uint32_t>(sizeof(out) + body_bytes);
    std::array<char, sizeof(out) + sizeof(body)> bytes;
    std::memcpy(bytes.data(), &out, sizeof(out));
    std::memcpy(bytes.data() + sizeof(out), &body, body_bytes);
    if (::write(fd_.get(), bytes.data(), out.len) < 0) return;
  }

  const sys::UniqueFd fd_;
  const sys::UniqueFd wake_;
  std::atomic<bool> saw_init_ = false;
  std::atomic<bool> saw_passthrough_ = false;
  std::array<char, 256 * 1024> buffer_;
  std::thread thread_;
};

}  // namespace datashim::keeper::testing
