#include "cli/cli.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "archive/worker.h"
#include "base/log.h"
#include "base/strings.h"
#include "bench/bench.h"
#include "bench/scenario.h"
#include "csi_controller/controller.h"
#include "migrate/migrate.h"
#include "node/mount.h"
#include "node/node.h"
#include "operator/operator.h"
#include "sys/signals.h"

namespace datashim::cli {
namespace {

/// What the parsed command line asks for; runs it and returns the exit code.
using Command = std::function<int()>;

void AddLogLevel(CLI::App& command, std::string& level) {
  command.add_option("--log-level", level, "Lines below it are dropped")
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}))
      ->capture_default_str();
}

/// A comma-separated list; an empty one is given as an empty argument.
void AddList(CLI::App& command, const char* name,
             std::vector<std::string>& list, const char* about) {
  command.add_option_function<std::string>(
      name,
      [&list](const std::string& text) {
        list.clear();
        for (const std::string_view part : Split(text, ',')) {
          if (!part.empty()) list.emplace_back(part);
        }
      },
      about);
}

/// What may be done with tokens of pods.
void AddTokens(CLI::App& command, volume::TokenRules& tokens) {
  command.add_option("--web-identity-audience", tokens.web_identity_audience,
                     "Of pods' tokens for STS. Default: there are none");
  AddList(command, "--sts-endpoints", tokens.sts_endpoints,
          "URLs that get them, besides AWS's");
  command.add_flag("--pod-identity", tokens.pod_identity,
                   "Pods have tokens for EKS Pod Identity");
  command
      .add_option("--pod-identity-url", tokens.pod_identity_url,
                  "Of EKS's agent on the node")
      ->capture_default_str();
}

/// What Datasets may reach.
void AddPolicy(CLI::App& command, dataset::Policy& policy) {
  const auto add = [&command](const char* name, std::vector<std::string>& list,
                              const char* about) {
    AddList(command, name, list, about);
  };
  add("--dataset-types", policy.types, "Types that may be used; default: all");
  add("--host-paths", policy.host_paths,
      "Directories of nodes for the type HOST; default: /");
  add("--host-paths-refused", policy.host_paths_refused,
      "Directories that are the system's on these nodes");
  add("--csi-drivers", policy.csi_drivers,
      "Drivers of CSI volumes given by handle; default: *");
  add("--pod-auth", policy.pod_auth,
      "Ways of auth by which pods open buckets; default: all");
  add("--sts-endpoints", policy.sts_endpoints,
      "URLs of STS that get tokens of pods, besides AWS's");
}

/// Jobs that unpack archives.
void AddWorkers(CLI::App& command, controllers::WorkerOptions& workers) {
  command.add_option("--worker-image", workers.image,
                     "Of the Jobs that unpack archives: that of the operator");
  command.add_option("--worker-image-pull-policy", workers.image_pull_policy)
      ->capture_default_str();
  command
      .add_option("--worker-image-pull-secrets", workers.image_pull_secrets,
                  "Of the operator's namespace")
      ->delimiter(',');
  command.add_option("--worker-memory-max", workers.memory_max)
      ->capture_default_str();
  command
      .add_option("--archive-bytes-max", workers.bytes_max,
                  "Of all files of one archive together")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->option_text("BYTES [1T]");
  command
      .add_option("--archive-entries-max", workers.entries_max,
                  "Files, directories and links of one archive")
      ->capture_default_str();
}

void AddOperator(CLI::App& app, Command& chosen) {
  static controllers::OperatorOptions options;
  CLI::App* const command = app.add_subcommand(
      "operator", "Dataset controllers and pod webhook (in the Deployment)");
  command
      ->add_option("--namespace", options.namespace_name,
                   "Of its Lease, certificates and volume Secrets")
      ->envname("POD_NAMESPACE")
      ->capture_default_str();
  command
      ->add_option("--kubeconfig", options.kubeconfig,
                   "Default: the service account of the pod")
      ->envname("KUBECONFIG");
  command
      ->add_option("--identity", options.identity,
                   "Of this replica. Default: the host's name")
      ->envname("POD_NAME");
  command->add_option("--leader-election", options.leader_election)
      ->capture_default_str();
  command->add_option("--webhook-port", options.webhook_port)
      ->capture_default_str();
  command->add_option("--webhook-service", options.webhook_service)
      ->capture_default_str();
  command
      ->add_option("--webhook-configuration", options.webhook_configuration,
                   "MutatingWebhookConfiguration whose caBundle is kept")
      ->capture_default_str();
  command->add_option("--certificate-secret", options.certificate_secret)
      ->capture_default_str();
  command->add_option("--health-port", options.health_port)
      ->capture_default_str();
  static std::uint32_t shutdown_delay_seconds = 0;
  command
      ->add_option("--shutdown-delay", shutdown_delay_seconds,
                   "Seconds to answer reviews after SIGTERM, while the API "
                   "server still sends some")
      ->capture_default_str();
  AddPolicy(*command, options.policy);
  AddWorkers(*command, options.workers);
  AddLogLevel(*command, options.log_level);
  command->callback([&chosen] {
    chosen = [] {
      options.shutdown_delay = std::chrono::seconds(shutdown_delay_seconds);
      const auto signals = sys::StopOnSignals();
      if (!signals.ok()) {
        log::Error("operator: cannot handle signals",
                   {{"error", signals.error().message}});
        return 1;
      }
      return controllers::RunOperator(options, (*signals)->token());
    };
  });
}

/// "50%" or what CLI::AsSizeValue takes.
void SetCacheSize(const std::string& text, node::CacheSettings& settings) {
  std::string size = text;
  if (size.ends_with('%')) {
    size.pop_back();
    const auto percent = ParseInt(size, 1, 100);
    if (!percent) {
      throw CLI::ValidationError("--cache-size",
                                 "\"" + text + "\" is not in 1%..100%");
    }
    settings.disk_percent_max = static_cast<std::uint32_t>(*percent);
    return;
  }
  const std::string refused = CLI::AsSizeValue(/*kb_is_1000=*/false)(size);
  const auto bytes =
      ParseInt(size, 1, std::numeric_limits<std::int64_t>::max());
  if (!refused.empty() || !bytes) {
    throw CLI::ValidationError("--cache-size",
                               "\"" + text + "\" is no size: " + refused);
  }
  settings.bytes_max = static_cast<std::uint64_t>(*bytes);
}

void AddCache(CLI::App& command, node::CacheSettings& settings,
              const char* whose) {
  command.add_option("--cache-dir", settings.directory,
                     std::string("Keeps copies of what is read there, ") +
                         whose +
                         "; on a local ext4 or XFS. Default: no copies");
  command
      .add_option_function<std::string>(
          "--cache-size",
          [&settings](const std::string& text) {
            SetCacheSize(text, settings);
          },
          "Of all copies: bytes (or 200G, 512M) or a share of the disk (50%). "
          "Default: no other limit than --cache-disk-free-percent")
      ->option_text("SIZE");
  command
      .add_option("--cache-disk-free-percent", settings.disk_free_percent_min,
                  "So much of the disk stays free: copies go when others fill "
                  "it")
      ->check(CLI::Range(0, 99))
      ->capture_default_str();
  command
      .add_option(
          "--read-mode", settings.read_mode,
          "Of files with a copy: passthrough (the kernel reads the copy by "
          "itself; no mount where it cannot), page-cache (it asks for what it "
          "does not have), auto (passthrough where it works)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, node::ReadMode>{
          {"auto", node::ReadMode::kAuto},
          {"passthrough", node::ReadMode::kPassthrough},
          {"page-cache", node::ReadMode::kPageCache}}))
      ->option_text("auto|passthrough|page-cache [auto]");
}

void AddNode(CLI::App& app, Command& chosen) {
  static node::NodeOptions options;
  CLI::App* const command = app.add_subcommand(
      "node", "CSI node plugin and file systems (in the DaemonSet)");
  command->add_option("--node-name", options.node_name, "Kubernetes node")
      ->envname("NODE_NAME")
      ->required();
  command->add_option("--kubelet-dir", options.kubelet_dir)
      ->capture_default_str();
  command->add_option("--plugin-dir", options.plugin_dir, "Of csi.sock")
      ->capture_default_str();
  command->add_option("--registry-dir", options.registry_dir)
      ->capture_default_str();
  command->add_option("--keeper-socket", options.keeper_socket)
      ->capture_default_str();
  command->add_option("--health-port", options.health_port, "0: none")
      ->capture_default_str();
  command
      ->add_option("--memory-bytes-max", options.memory_bytes_max,
                   "Read-ahead and uploads of all mounts together")
      ->capture_default_str();
  AddCache(*command, options.cache, "for all volumes of the node");
  AddTokens(*command, options.tokens);
  AddLogLevel(*command, options.log_level);
  command->callback(
      [&chosen] { chosen = [] { return node::RunNode(options); }; });
}

void AddController(CLI::App& app, Command& chosen) {
  static csi_controller::ControllerOptions options;
  CLI::App* const command = app.add_subcommand(
      "controller",
      "CSI controller service, for clusters with an external-provisioner");
  command->footer(
      "The operator provisions StorageClass csi-s3 by itself; this is for "
      "claims of\nother classes. Example, beside external-provisioner in one "
      "pod:\n"
      "  datashim controller --socket /csi/csi.sock\n");
  command->add_option("--socket", options.socket_path)->capture_default_str();
  AddLogLevel(*command, options.log_level);
  command->callback([&chosen] {
    chosen = [] { return csi_controller::RunController(options); };
  });
}

void AddMigrate(CLI::App& app, Command& chosen) {
  static migrate::MigrateOptions options;
  CLI::App* const command = app.add_subcommand(
      "migrate", "Makes Datasets of earlier versions ones of this version");
  command->footer(
      "Datasets of com.ie.ibm.hpsys (up to 0.3), and of datashim.io that "
      "upstream's operator\n"
      "(0.4) has served. Names and data stay. Can be run again at any time. "
      "Examples:\n"
      "  datashim migrate --dry-run\n"
      "  datashim migrate --namespace team-a\n");
  command->add_flag("--dry-run", options.dry_run,
                    "Says what it would do, and changes nothing");
  command->add_option("--namespace", options.namespace_name, "Default: all");
  command->add_option("--kubeconfig", options.kubeconfig)
      ->envname("KUBECONFIG");
  command->add_option("--context", options.context, "Default: the current one");
  command->callback(
      [&chosen] { chosen = [] { return migrate::RunMigrate(options); }; });
}

void AddUnpack(CLI::App& app, Command& chosen) {
  static archive::WorkerOptions options;
  CLI::App* const command = app.add_subcommand(
      "unpack", "Unpacks an archive into a bucket (the operator's Jobs)");
  command->footer(
      "What is fetched and where it goes is in files of the directory, one for "
      "each key:\n"
      "url, extract, archiveFormat, sha256, endpoint, bucket, folder, "
      "accessKeyID,\n"
      "secretAccessKey, …; what was in the folder is removed. Exit codes: 0 "
      "done, 1 try\n"
      "again, 3 it would fail again. Example:\n"
      "  datashim unpack --config-dir /etc/datashim/unpack\n");
  command->add_option("--config-dir", options.config_directory)
      ->capture_default_str();
  command->add_option("--result-file", options.result_path,
                      "Gets one line on how it ended");
  command->add_option("--progress-port", options.progress_port,
                      "Serves GET /progress; 0: none");
  command->add_option("--progress-address", options.progress_address)
      ->capture_default_str();
  command
      ->add_option("--bytes-max", options.limits.bytes_max,
                   "Of all files together")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->option_text("BYTES [1T]");
  command
      ->add_option("--entries-max", options.limits.entries_max,
                   "Files, directories and links")
      ->capture_default_str();
  AddLogLevel(*command, options.log_level);
  command->callback(
      [&chosen] { chosen = [] { return archive::RunUnpack(options); }; });
}

void AddBucket(CLI::App& command, node::BucketOptions& bucket,
               const char* source) {
  command.add_option("source", bucket.source, source)->required();
  command.add_option("--endpoint-url", bucket.endpoint_url, "Default: AWS")
      ->envname("AWS_ENDPOINT_URL");
  command.add_option("--region", bucket.region, "Default: found out")
      ->envname("AWS_REGION");
  command.add_flag("--virtual-host-style", bucket.virtual_host_style,
                   "http://bucket.host/key instead of http://host/bucket/key");
  command.add_option("--ca-bundle", bucket.ca_bundle_path, "PEM file")
      ->envname("AWS_CA_BUNDLE");
  command.add_flag("--no-sign-request", bucket.no_sign_request,
                   "Anonymous access");
}

void AddMount(CLI::App& app, Command& chosen) {
  static node::MountOptions options;
  CLI::App* const command =
      app.add_subcommand("mount", "Mount a bucket without Kubernetes (root)");
  command->footer(
      "Credentials, the first that is there: AWS_ACCESS_KEY_ID and "
      "AWS_SECRET_ACCESS_KEY;\nAWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE; "
      "the profile AWS_PROFILE of ~/.aws;\nthe endpoint of a container; the "
      "role of an EC2 instance.\n"
      "Prints \"mounted DIR\" when ready; ends on SIGTERM, SIGINT or "
      "umount.\n\n"
      "Examples:\n"
      "  datashim mount s3://models/llama /mnt/llama --read-only\n"
      "  datashim mount s3://data /mnt/data --endpoint-url "
      "http://127.0.0.1:9000\n"
      "  datashim mount s3://models /mnt/models --read-only --cache-dir "
      "/var/cache/datashim --cache-size 200G\n");
  AddBucket(*command, options.bucket, "s3://bucket[/prefix]");
  command->add_option("directory", options.directory, "Where to mount")
      ->required();
  command->add_flag("--read-only", options.read_only);
  command->add_option("--metadata-ttl", options.metadata_ttl_seconds, "Seconds")
      ->capture_default_str();
  command->add_option("--memory-mib-max", options.memory_mib_max)
      ->capture_default_str();
  command->add_option("--readahead-kib", options.readahead_kib)
      ->capture_default_str();
  AddCache(*command, options.cache, "for this mount only");
  AddLogLevel(*command, options.log_level);
  command->callback(
      [&chosen] { chosen = [] { return node::RunMount(options); }; });
}

void AddBench(CLI::App& app, Command& chosen) {
  static bench::BenchOptions options;
  CLI::App* const command = app.add_subcommand(
      "bench", "Measure how fast a bucket is read through a mount (root)");
  command->footer(
      "For a bucket, each scenario runs through a fresh mount (datashim) and "
      "as plain\nGETs (raw); for a directory, through whatever is mounted "
      "there. It reads what is\nthere; with --write, test objects of its own "
      "instead. Takes a few minutes.\n\n"
      "Examples:\n"
      "  datashim bench s3://models/llama\n"
      "  datashim bench s3://data --endpoint-url http://127.0.0.1:9000 "
      "--write\n"
      "  datashim bench s3://data --scenario rand_256k --json\n"
      "  datashim bench /mnt/other-mount --scenario find\n");
  AddBucket(*command, options.bucket, "s3://bucket[/prefix], or a directory");
  std::vector<std::string> names;
  for (const bench::Scenario scenario : bench::AllScenarios()) {
    names.emplace_back(bench::NameOf(scenario));
  }
  command->add_option("--scenario", options.scenarios, "Default: all")
      ->check(CLI::IsMember(names));
  command->add_option("--contender", options.contenders, "Default: both")
      ->check(CLI::IsMember({"datashim", "raw"}));
  command->add_option("--rounds", options.rounds, "The median counts")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  command
      ->add_option("--random-seconds", options.random_seconds,
                   "Of random reads")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  command->add_flag("--write", options.write,
                    "Makes 1 GiB of test objects below the prefix, reads "
                    "those, and deletes them");
  command->add_flag("--json", options.json,
                    "{scenario: {contender: {metric: median}}}");
  command->callback(
      [&chosen] { chosen = [] { return bench::RunBench(options); }; });
}

}  // namespace

int Run(int argc, char** argv) {
  CLI::App app("Datashim: buckets as files in pods, by two labels.");
  app.set_version_flag("--version",
                       std::string("datashim ") + DATASHIM_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Each command has its own --help. Example:\n"
      "  datashim mount s3://models /mnt/models --read-only\n");
  Command chosen;
  AddOperator(app, chosen);
  AddNode(app, chosen);
  AddController(app, chosen);
  AddUnpack(app, chosen);
  AddMigrate(app, chosen);
  AddMount(app, chosen);
  AddBench(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help to stdout and mistakes to stderr; its own codes are
    // above 100.
    return app.exit(error) == 0 ? 0 : 2;
  }
  return chosen();
}

}  // namespace datashim::cli
