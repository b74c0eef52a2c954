#include "cache/manifest.h"

#include <cstring>
#include <span>

#include "cache/checksum.h"

namespace datashim::cache {
namespace {

// Changes with the format; files of another format are thrown away.
constexpr std::string_view kMagic = "datashim-cache-1";
// Endpoint and bucket; S3's keys have 1,024 bytes, its etags far fewer.
constexpr std::size_t kTextBytesMax = 4096;

template <typename Integer>
void AppendInteger(std::string& out, Integer value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

void AppendText(std::string& out, std::string_view text) {
  AppendInteger(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

std::uint32_t SumOf(std::string_view bytes) {
  return Crc32c(std::as_bytes(std::span(bytes.data(), bytes.size())));
}

/// Takes values off the front; once it fails it stays failed.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view Take(std::size_t size) {
    if (size > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  template <typename Integer>
  Integer TakeInteger() {
    Integer value = 0;
    const std::string_view taken = Take(sizeof(value));
    if (ok_) std::memcpy(&value, taken.data(), sizeof(value));
    return value;
  }
  std::string TakeText() {
    const auto size = TakeInteger<std::uint32_t>();
    if (size > kTextBytesMax) ok_ = false;
    return std::string(Take(size));
  }
  std::size_t left() const { return rest_.size(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

std::size_t ManifestBytesMax(std::uint64_t object_bytes) {
  return kMagic.size() + 3 * (sizeof(std::uint32_t) + kTextBytesMax) +
         sizeof(std::uint64_t) +
         sizeof(std::uint32_t) * (BlockCount(object_bytes) + 1);
}

std::string EncodeManifest(const Manifest& manifest) {
  std::string out(kMagic);
  AppendText(out, manifest.id.origin);
  AppendText(out, manifest.id.key);
  AppendText(out, manifest.id.etag);
  AppendInteger(out, manifest.id.bytes);
  for (const std::uint32_t sum : manifest.block_sums) AppendInteger(out, sum);
  AppendInteger(out, SumOf(out));
  return out;
}

Result<Manifest> DecodeManifest(std::string_view bytes) {
  constexpr std::size_t kSumBytes = sizeof(std::uint32_t);
  const Error damaged{ErrorCode::kDataLoss, "the manifest is damaged"};
  if (bytes.size() < kMagic.size() + kSumBytes) return damaged;
  const std::string_view body = bytes.substr(0, bytes.size() - kSumBytes);
  if (Reader(bytes.substr(body.size())).TakeInteger<std::uint32_t>() !=
      SumOf(body)) {
    return damaged;
  }
  Reader reader(body);
  if (reader.Take(kMagic.size()) != kMagic) return damaged;
  Manifest manifest;
  manifest.id.origin = reader.TakeText();
  manifest.id.key = reader.TakeText();
  manifest.id.etag = reader.TakeText();
  manifest.id.bytes = reader.TakeInteger<std::uint64_t>();
  if (!reader.ok() || reader.left() % kSumBytes != 0 ||
      reader.left() / kSumBytes != BlockCount(manifest.id.bytes)) {
    return damaged;
  }
  while (reader.left() > 0) {
    manifest.block_sums.push_back(reader.TakeInteger<std::uint32_t>());
  }
  return manifest;
}

}  // namespace datashim::cache
