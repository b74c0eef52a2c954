// Unpack: whatever the bytes are, it ends, within its limits, and every object
// that it makes has a key that is a path below the root.

#include <cstddef>
#include <cstdint>
#include <string>

#include "archive/entry_name.h"
#include "archive/testing/make_archive.h"
#include "archive/unpack.h"
#include "base/check.h"
#include "store/testing/memory_store.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  namespace archive = datashim::archive;
  archive::TextSource source(
      std::string(reinterpret_cast<const char*>(data), size),
      /*seekable=*/true);
  datashim::store::MemoryStore store;
  datashim::dataset::UnpackRequest request;
  request.extract = true;
  archive::Limits limits;
  limits.bytes_max = 1u << 20;
  limits.entries_max = 100;
  archive::WriterOptions options;
  options.requests_max = 1;
  archive::Progress progress;
  const auto done =
      archive::Unpack(source, request, store, limits, options, progress, {});
  DS_CHECK(progress.bytes_written <= limits.bytes_max);
  const auto keys = store.Keys();
  DS_CHECK(keys.size() <= limits.entries_max);
  for (const auto& key : keys) {
    const auto normal = archive::KeyOfEntry(key);
    DS_CHECK(normal.ok() && *normal == key);
  }
  DS_CHECK(!done.ok() || done->files >= keys.size());
  return 0;
}
