// The parsers of successful S3 answers: no input breaks them or what they
// promise.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "s3/xml.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  const auto page = datashim::s3::ParseListPage(xml);
  if (page.ok()) {
    for (const auto& object : page->objects) {
      DS_CHECK(!object.key.empty() && !object.etag.empty());
      DS_CHECK(object.size <= INT64_MAX);
    }
    for (const auto& prefix : page->prefixes) DS_CHECK(!prefix.empty());
  }
  const auto id = datashim::s3::ParseUploadId(xml);
  DS_CHECK(!id.ok() || !id->empty());
  const auto written = datashim::s3::ParseWritten(xml);
  DS_CHECK(!written.ok() || !written->etag.empty());
  const auto versions = datashim::s3::ParseVersionPage(xml);
  if (versions.ok()) {
    for (const auto& version : versions->entries)
      DS_CHECK(!version.key.empty());
  }
  static_cast<void>(datashim::s3::ParseDeleteErrors(xml));
  static_cast<void>(datashim::s3::ParseTag(xml, "key"));
  return 0;
}
