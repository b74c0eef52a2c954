#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "bench/files.h"
#include "sys/errno_error.h"
#include "sys/unique_fd.h"

namespace datashim::bench {
namespace {

// What `cat` and most loaders read at once, and the largest FUSE request.
constexpr std::size_t kReadBytes = std::size_t{1} << 20;
constexpr std::uint64_t kPageBytes = 4096;

Result<sys::UniqueFd> OpenPath(const std::string& path) {
  sys::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return sys::ErrnoError(errno, "open " + path);
  return file;
}

class Directory final : public Files {
 public:
  explicit Directory(std::string directory)
      : directory_(std::move(directory)) {}

  Result<std::vector<File>> Walk(std::size_t names_max) override {
    std::vector<File> files;
    std::vector<std::string> pending{""};
    while (!pending.empty() && files.size() < names_max) {
      const std::string below = std::move(pending.back());
      pending.pop_back();
      DS_RETURN_IF_ERROR(WalkOne(below, files, pending));
    }
    return files;
  }

  Result<std::uint64_t> ReadWhole(const File& file) override {
    DS_ASSIGN_OR_RETURN(const sys::UniqueFd opened, OpenPath(At(file.path)));
    std::vector<std::byte> buffer(kReadBytes);
    for (std::uint64_t total = 0;;) {
      const ssize_t got = ::read(opened.get(), buffer.data(), buffer.size());
      if (got < 0) return sys::ErrnoError(errno, "read " + At(file.path));
      if (got == 0) return total;
      total += static_cast<std::uint64_t>(got);
    }
  }

  Result<std::uint64_t> TouchWhole(const File& file) override {
    if (file.bytes == 0) return std::uint64_t{0};
    DS_ASSIGN_OR_RETURN(const sys::UniqueFd opened, OpenPath(At(file.path)));
    void* const mapping =
        ::mmap(nullptr, file.bytes, PROT_READ, MAP_SHARED, opened.get(), 0);
    if (mapping == MAP_FAILED) {
      return sys::ErrnoError(errno, "map " + At(file.path));
    }
    const auto* const bytes = static_cast<const volatile char*>(mapping);
    for (std::uint64_t at = 0; at < file.bytes; at += kPageBytes) {
      static_cast<void>(bytes[at]);
    }
    ::munmap(mapping, file.bytes);
    return file.bytes;
  }

  Result<ReadAt> Open(const File& file) override {
    DS_ASSIGN_OR_RETURN(sys::UniqueFd opened, OpenPath(At(file.path)));
    auto shared = std::make_shared<sys::UniqueFd>(std::move(opened));
    return ReadAt([shared, path = At(file.path)](
                      std::uint64_t offset,
                      std::span<std::byte> buffer) -> Status {
      const ssize_t got = ::pread(shared->get(), buffer.data(), buffer.size(),
                                  static_cast<off_t>(offset));
      if (got < 0) return sys::ErrnoError(errno, "read " + path);
      if (static_cast<std::size_t>(got) == buffer.size()) return OkStatus();
      return Error{ErrorCode::kDataLoss, "read " + path + ": too few bytes"};
    });
  }

 private:
  std::string At(const std::string& path) const {
    return directory_ + "/" + path;
  }

  Status WalkOne(const std::string& below, std::vector<File>& files,
                 std::vector<std::string>& pending) const {
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(
        ::opendir(At(below).c_str()), ::closedir);
    if (!stream) return sys::ErrnoError(errno, "open " + At(below));
    for (;;) {
      errno = 0;
      const dirent* const entry = ::readdir(stream.get());
      if (entry == nullptr) {
        if (errno == 0) return OkStatus();
        return sys::ErrnoError(errno, "list " + At(below));
      }
      const std::string_view name = entry->d_name;
      if (name == "." || name == "..") continue;
      std::string path = below + std::string(name);
      if (entry->d_type == DT_DIR) {
        pending.push_back(std::move(path) + "/");
      } else if (entry->d_type == DT_REG) {
        files.push_back({std::move(path), 0});
      }
    }
  }

  const std::string directory_;
};

}  // namespace

std::unique_ptr<Files> DirectoryFiles(std::string directory) {
  return std::make_unique<Directory>(std::move(directory));
}

Status StatAll(const std::string& directory, std::vector<File>& files) {
  for (File& file : files) {
    struct stat found {};
    if (::stat((directory + "/" + file.path).c_str(), &found) != 0) {
      return sys::ErrnoError(errno, "stat " + file.path);
    }
    file.bytes = static_cast<std::uint64_t>(found.st_size);
  }
  return OkStatus();
}

}  // namespace datashim::bench
