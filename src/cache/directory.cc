#include "cache/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "cache/checksum.h"
#include "sys/errno_error.h"

namespace datashim::cache {
namespace {

constexpr char kRoot[] = "datashim-cache";
constexpr char kComplete[] = "complete";
constexpr std::string_view kSums = ".sums";

Error Failed(const std::string& what) { return sys::ErrnoError(errno, what); }

Result<sys::UniqueFd> MakeDirectory(int parent, const std::string& name,
                                    const std::string& path) {
  if (::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return Failed("cache directory \"" + path + "\"");
  }
  sys::UniqueFd made(::openat(parent, name.c_str(),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!made) return Failed("cache directory \"" + path + "\"");
  return made;
}

/// Who could change its files could change what is served.
Status CheckIsOurs(const sys::UniqueFd& root, const std::string& path) {
  struct stat found = {};
  if (::fstat(root.get(), &found) != 0) return Failed("stat of the cache");
  if (found.st_uid == ::geteuid() && (found.st_mode & 022) == 0) {
    return OkStatus();
  }
  return Error{ErrorCode::kPermissionDenied,
               "cache directory \"" + path + "/" + kRoot +
                   "\": others may write to it; remove it, or give it to uid " +
                   std::to_string(::geteuid()) + " with mode 0700"};
}

/// The names in it but "." and "..".
Result<std::vector<std::string>> List(const sys::UniqueFd& directory) {
  // Of its own offset, so that it can be listed again.
  const int copy =
      ::openat(directory.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (copy < 0) return Failed("list the cache directory");
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(copy),
                                                   ::closedir);
  if (!stream) {
    ::close(copy);
    return Failed("list the cache directory");
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

Status WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Failed("write a cache manifest");
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return OkStatus();
}

std::string SumsName(const std::string& name) {
  return name + std::string(kSums);
}

std::string FillingName(std::uint64_t number) { return std::to_string(number); }

std::string RetiredName(std::uint64_t number) {
  return FillingName(number) + ".retired";
}

}  // namespace

Result<Directory> Directory::Open(const std::string& path) {
  const sys::UniqueFd parent(
      ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent) return Failed("cache directory \"" + path + "\"");
  Directory made;
  made.path_ = path;
  DS_ASSIGN_OR_RETURN(const sys::UniqueFd root,
                      MakeDirectory(parent.get(), kRoot, path));
  DS_RETURN_IF_ERROR(CheckIsOurs(root, path));
  made.lock_.Reset(
      ::openat(root.get(), "lock", O_RDONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!made.lock_) return Failed("cache directory \"" + path + "\"");
  if (::flock(made.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed("lock \"" + path + "\"");
    return Error{ErrorCode::kFailedPrecondition,
                 "cache directory \"" + path +
                     "\": another process uses it; give each its own"};
  }
  DS_ASSIGN_OR_RETURN(made.filling_,
                      MakeDirectory(root.get(), "filling", path));
  DS_ASSIGN_OR_RETURN(made.complete_,
                      MakeDirectory(root.get(), kComplete, path));
  DS_ASSIGN_OR_RETURN(const auto left_over, List(made.filling_));
  for (const std::string& name : left_over) {
    ::unlinkat(made.filling_.get(), name.c_str(), 0);
  }
  return made;
}

Result<std::vector<Directory::Adopted>> Directory::Adopt() const {
  DS_ASSIGN_OR_RETURN(const auto names, List(complete_));
  std::vector<Adopted> adopted;
  for (const std::string& name : names) {
    if (name.ends_with(kSums)) {
      const std::string data = name.substr(0, name.size() - kSums.size());
      if (::faccessat(complete_.get(), data.c_str(), F_OK, 0) != 0) {
        RemoveComplete(data);
      }
      continue;
    }
    const auto manifest = ReadManifest(name);
    struct stat sums = {};
    if (!IsEntryName(name) || !manifest.ok() ||
        !OpenComplete(name, *manifest).ok() ||
        ::fstatat(complete_.get(), SumsName(name).c_str(), &sums, 0) != 0) {
      RemoveComplete(name);
      continue;
    }
    adopted.push_back({name, manifest->id.bytes,
                       sums.st_mtim.tv_sec * std::int64_t{1'000'000'000} +
                           sums.st_mtim.tv_nsec});
  }
  std::sort(adopted.begin(), adopted.end(),
            [](const Adopted& a, const Adopted& b) {
              return a.last_used_ns < b.last_used_ns;
            });
  return adopted;
}

Result<sys::UniqueFd> Directory::CreateFilling(std::uint64_t number,
                                               std::uint64_t bytes) const {
  sys::UniqueFd file(::openat(filling_.get(), FillingName(number).c_str(),
                              O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0400));
  if (!file) return Failed("make a cache file");
  const auto size = static_cast<off_t>(bytes);
  int error = ::fallocate(file.get(), 0, 0, size) == 0 ? 0 : errno;
  if (error == EOPNOTSUPP) {
    error = ::ftruncate(file.get(), size) == 0 ? 0 : errno;
  }
  if (error == 0) return file;
  RemoveFilling(number);
  return sys::ErrnoError(error, "reserve space for a cache file");
}

void Directory::RemoveFilling(std::uint64_t number) const {
  const std::string name = FillingName(number);
  ::unlinkat(filling_.get(), name.c_str(), 0);
  ::unlinkat(filling_.get(), SumsName(name).c_str(), 0);
}

Status Directory::Publish(std::uint64_t number, const sys::UniqueFd& file,
                          const std::string& name,
                          const Manifest& manifest) const {
  if (::fdatasync(file.get()) != 0) return Failed("fsync a cache file");
  const std::string filling = FillingName(number);
  const sys::UniqueFd sums(::openat(filling_.get(), SumsName(filling).c_str(),
                                    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                                    0600));
  if (!sums) return Failed("make a cache manifest");
  DS_RETURN_IF_ERROR(WriteAll(sums.get(), EncodeManifest(manifest)));
  if (::fdatasync(sums.get()) != 0) return Failed("fsync a cache manifest");
  // The manifest first: a file without one is thrown away.
  for (const auto& [from, to] : {std::pair{SumsName(filling), SumsName(name)},
                                 std::pair{filling, name}}) {
    if (::renameat(filling_.get(), from.c_str(), complete_.get(), to.c_str()) !=
        0) {
      return Failed("publish a cache file");
    }
  }
  if (::fsync(complete_.get()) != 0) return Failed("fsync the cache directory");
  MarkUsed(name);
  return OkStatus();
}

std::string Directory::CompleteName(const std::string& name) {
  return std::string(kRoot) + "/" + kComplete + "/" + name;
}

Result<sys::UniqueFd> Directory::OpenComplete(const std::string& name,
                                              const Manifest& manifest,
                                              bool around_page_cache) const {
  constexpr int kFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW;
  sys::UniqueFd file;
  if (around_page_cache) {
    file.Reset(::openat(complete_.get(), name.c_str(), kFlags | O_DIRECT));
  }
  if (!file) file.Reset(::openat(complete_.get(), name.c_str(), kFlags));
  struct stat found = {};
  if (!file || ::fstat(file.get(), &found) != 0) {
    return Failed("open a cache file");
  }
  if (!S_ISREG(found.st_mode) ||
      static_cast<std::uint64_t>(found.st_size) != manifest.id.bytes) {
    return Error{ErrorCode::kDataLoss, "a cache file has another size"};
  }
  return file;
}

Result<Manifest> Directory::ReadManifest(const std::string& name) const {
  const sys::UniqueFd file(::openat(complete_.get(), SumsName(name).c_str(),
                                    O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat found = {};
  struct stat data = {};
  if (!file || ::fstat(file.get(), &found) != 0 ||
      ::fstatat(complete_.get(), name.c_str(), &data, AT_SYMLINK_NOFOLLOW) !=
          0) {
    return Failed("open a cache manifest");
  }
  const auto size = static_cast<std::size_t>(found.st_size);
  if (size > ManifestBytesMax(static_cast<std::uint64_t>(data.st_size))) {
    return Error{ErrorCode::kDataLoss, "a cache manifest is too large"};
  }
  std::string bytes(size, '\0');
  const ssize_t got = ::pread(file.get(), bytes.data(), size, 0);
  if (got < 0) return Failed("read a cache manifest");
  bytes.resize(static_cast<std::size_t>(got));
  return DecodeManifest(bytes);
}

void Directory::MarkUsed(const std::string& name) const {
  // Only an order of eviction after a restart: it may fail. The kernel's own
  // time of a file is that of its last tick, so two uses would have the same.
  std::array<timespec, 2> now{};
  ::clock_gettime(CLOCK_REALTIME, &now[0]);
  now[1] = now[0];
  (void)::utimensat(complete_.get(), SumsName(name).c_str(), now.data(), 0);
}

void Directory::RemoveComplete(const std::string& name) const {
  ::unlinkat(complete_.get(), name.c_str(), 0);
  ::unlinkat(complete_.get(), SumsName(name).c_str(), 0);
}

void Directory::Retire(const std::string& name, std::uint64_t number) const {
  ::unlinkat(complete_.get(), SumsName(name).c_str(), 0);
  if (::renameat(complete_.get(), name.c_str(), filling_.get(),
                 RetiredName(number).c_str()) != 0) {
    ::unlinkat(complete_.get(), name.c_str(), 0);
  }
}

void Directory::RemoveRetired(std::uint64_t number) const {
  ::unlinkat(filling_.get(), RetiredName(number).c_str(), 0);
}

Status Directory::Probe() const {
  constexpr char kProbe[] = "probe";
  const sys::UniqueFd file(::openat(
      filling_.get(), kProbe, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return Failed("make a file in the cache");
  Status works = WriteAll(file.get(), std::string(4096, 'x'));
  if (works.ok() && ::fdatasync(file.get()) != 0) {
    works = Failed("fsync a file in the cache");
  }
  ::unlinkat(filling_.get(), kProbe, 0);
  return works;
}

Result<DiskSpace> Directory::Space() const {
  struct statvfs found = {};
  if (::fstatvfs(complete_.get(), &found) != 0) {
    return Failed("statvfs of \"" + path_ + "\"");
  }
  return DiskSpace{std::uint64_t{found.f_blocks} * found.f_frsize,
                   std::uint64_t{found.f_bavail} * found.f_frsize};
}

}  // namespace datashim::cache
