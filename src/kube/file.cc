#include "kube/file.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>

namespace datashim::kube {
namespace {

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Error ReadError(const std::string& path, int error) {
  return {
      error == ENOENT ? ErrorCode::kNotFound : ErrorCode::kFailedPrecondition,
      path + ": " + std::generic_category().message(error)};
}

}  // namespace

Result<std::string> ReadFile(const std::string& path, std::size_t bytes_max) {
  const std::unique_ptr<std::FILE, Closer> file(
      std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return ReadError(path, errno);
  std::string text;
  char buffer[16384];
  while (const std::size_t count =
             std::fread(buffer, 1, sizeof(buffer), file.get())) {
    text.append(buffer, count);
    if (text.size() > bytes_max) {
      return Error{
          ErrorCode::kInvalidArgument,
          path + ": is larger than " + std::to_string(bytes_max) + " bytes"};
    }
  }
  if (std::ferror(file.get()) != 0) return ReadError(path, errno);
  return text;
}

}  // namespace datashim::kube
