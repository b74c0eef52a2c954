// Kubeconfig files: any text gives a Config or an error that names the file.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "kube/kubeconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace datashim;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = kube::ParseKubeconfig(text, "file");
  if (!parsed.ok()) {
    DS_CHECK(parsed.error().message.starts_with("file"));
    return 0;
  }
  const auto config = kube::ResolveKubeconfig(
      *parsed, "", [](const std::string& path) -> Result<std::string> {
        return "content of " + path;
      });
  if (config.ok()) DS_CHECK(!config->server.empty());
  return 0;
}
