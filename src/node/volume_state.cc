#include "node/volume_state.h"

#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "sys/errno_error.h"
#include "sys/memfd.h"

namespace datashim::node {
namespace {

constexpr std::string_view kVersionLine = "version 1";
constexpr std::size_t kStateBytesMax = std::size_t{1} << 20;

Error Malformed(std::string_view why) {
  return {ErrorCode::kInvalidArgument,
          "state of a volume: " + std::string(why)};
}

}  // namespace

std::string EncodeVolumeState(const VolumeState& state) {
  std::string text = std::string(kVersionLine) + "\n";
  text += "volume " + state.volume_id + "\n";
  text += "place " + state.place_id + "\n";
  for (const std::string& path : state.target_paths) {
    text += "target " + path + "\n";
  }
  return text;
}

Result<VolumeState> DecodeVolumeState(std::string_view text) {
  std::vector<std::string_view> lines = Split(text, '\n');
  if (lines.front() != kVersionLine) return Malformed("unknown version");
  if (!lines.back().empty()) return Malformed("the last line has no end");
  lines.pop_back();
  VolumeState state;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::size_t space = lines[i].find(' ');
    if (space == std::string_view::npos) return Malformed("a key alone");
    const std::string_view key = lines[i].substr(0, space);
    std::string value(lines[i].substr(space + 1));
    if (key == "volume") {
      state.volume_id = std::move(value);
    } else if (key == "place") {
      state.place_id = std::move(value);
    } else if (key == "target") {
      state.target_paths.push_back(std::move(value));
    } else {
      return Malformed("unknown key \"" + std::string(key) + "\"");
    }
  }
  if (state.volume_id.empty()) return Malformed("names no volume");
  return state;
}

Result<sys::UniqueFd> WriteVolumeState(const VolumeState& state) {
  DS_ASSIGN_OR_RETURN(sys::UniqueFd memfd, sys::CreateMemfd("datashim-volume"));
  const std::string text = EncodeVolumeState(state);
  const ssize_t written = ::pwrite(memfd.get(), text.data(), text.size(), 0);
  if (written != static_cast<ssize_t>(text.size())) {
    return sys::ErrnoError(written < 0 ? errno : EIO,
                           "write the state of a volume");
  }
  return memfd;
}

Result<VolumeState> ReadVolumeState(const sys::UniqueFd& memfd) {
  std::string text(kStateBytesMax, '\0');
  const ssize_t bytes = ::pread(memfd.get(), text.data(), text.size(), 0);
  if (bytes < 0) return sys::ErrnoError(errno, "read the state of a volume");
  text.resize(static_cast<std::size_t>(bytes));
  return DecodeVolumeState(text);
}

}  // namespace datashim::node
