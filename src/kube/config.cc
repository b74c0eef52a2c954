#include "kube/config.h"

#include <utility>

#include "base/strings.h"
#include "kube/file.h"
#include "kube/kubeconfig.h"

namespace datashim::kube {
namespace {

/// Of certificates, keys and tokens.
constexpr std::size_t kPemBytesMax = 1u << 20;

Error NoPod(const std::string& why) {
  return {ErrorCode::kFailedPrecondition,
          "this is no pod with a service account: " + why};
}

}  // namespace

Result<Config> LoadInCluster(const InClusterEnvironment& environment) {
  if (environment.service_host.empty() || environment.service_port.empty()) {
    return NoPod(
        "KUBERNETES_SERVICE_HOST or KUBERNETES_SERVICE_PORT is not set");
  }
  const std::string& host = environment.service_host;
  const std::string& directory = environment.service_account_dir;
  Config config;
  config.server = "https://" +
                  (host.find(':') == host.npos ? host : "[" + host + "]") +
                  ":" + environment.service_port;
  config.token_file = directory + "/token";
  if (const auto token = ReadFile(config.token_file, kPemBytesMax);
      !token.ok()) {
    return NoPod(token.error().message);
  }
  auto ca = ReadFile(directory + "/ca.crt", kPemBytesMax);
  if (!ca.ok()) return NoPod(ca.error().message);
  config.ca_pem = std::move(*ca);
  if (const auto text = ReadFile(directory + "/namespace", kPemBytesMax);
      text.ok() && !TrimSpace(*text).empty()) {
    config.default_namespace = TrimSpace(*text);
  }
  return config;
}

std::vector<std::string> KubeconfigFiles(std::string_view kubeconfig,
                                         std::string_view home) {
  std::vector<std::string> files;
  for (const std::string_view file : Split(kubeconfig, ':')) {
    if (!file.empty()) files.emplace_back(file);
  }
  if (files.empty()) files.push_back(std::string(home) + "/.kube/config");
  return files;
}

Result<Config> LoadKubeconfig(const std::vector<std::string>& files,
                              std::string_view context) {
  Kubeconfig merged;
  bool found = false;
  for (const std::string& file : files) {
    const auto text = ReadFile(file, kKubeconfigBytesMax);
    if (!text.ok()) {
      if (text.error().code == ErrorCode::kNotFound) continue;
      return text.error();
    }
    found = true;
    DS_ASSIGN_OR_RETURN(const Kubeconfig kubeconfig,
                        ParseKubeconfig(*text, file));
    MergeKubeconfig(merged, kubeconfig);
  }
  if (!found) {
    return Error{
        ErrorCode::kNotFound,
        "no kubeconfig: none of these files exists: " + Join(files, ", ")};
  }
  return ResolveKubeconfig(merged, context, [](const std::string& path) {
    return ReadFile(path, kPemBytesMax);
  });
}

}  // namespace datashim::kube
