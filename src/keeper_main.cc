// The program `datashim-keeper`: the command line of keeper::RunKeeper. Linked
// to nothing else of the product, so that the privileged process has neither
// HTTP nor TLS nor gRPC in its memory (docs/adr/0016).

#include <CLI/CLI.hpp>
#include <string>

#include "base/log.h"
#include "keeper/keeper.h"

int main(int argc, char** argv) {
  using datashim::keeper::KeeperOptions;
  KeeperOptions options;
  std::string log_level = "info";
  CLI::App app("Datashim's privileged mounter, without network: one per node.");
  app.set_version_flag("--version",
                       std::string("datashim-keeper ") + DATASHIM_VERSION);
  app.footer(
      "Mounts stay when it ends. Example:\n"
      "  datashim-keeper --kubelet-dir /var/lib/kubelet\n");
  app.add_option("--keeper-socket", options.socket_path,
                 "Where `datashim node` asks")
      ->capture_default_str();
  app.add_option("--kubelet-dir", options.kubelet_dir,
                 "Mounts are made below it only")
      ->capture_default_str();
  app.add_option("--fuse-device", options.fuse_device_path)
      ->capture_default_str();
  app.add_option("--cache-dir", options.cache_dir,
                 "That of `datashim node`: the kernel may be given its files. "
                 "Default: none");
  app.add_option("--log-level", log_level, "Lines below it are dropped")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes are above 100.
    return app.exit(error) == 0 ? 0 : 2;
  }
  datashim::log::SetLevel(log_level);
  return datashim::keeper::RunKeeper(options);
}
