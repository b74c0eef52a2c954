// Where the API server is and who we are to it: from the service account of a
// pod or from kubeconfig files. Opens no connection.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace datashim::kube {

/// Everything a Client needs to reach one API server as one user.
struct Config {
  std::string server;  ///< "https://host:port", perhaps with a path.
  std::string ca_pem;  ///< Empty: the system's authorities.
  bool insecure_skip_tls_verify = false;
  std::string tls_server_name;  ///< Empty: the host of `server`.

  std::string client_certificate_pem;  ///< Empty, with the key: none.
  SecretString client_key_pem;
  SecretString token;      ///< Wins over token_file.
  std::string token_file;  ///< Read again every minute: kubelet rotates it.

  std::string default_namespace = "default";
};

/// What a pod knows about its cluster; parameters, so that tests can say.
struct InClusterEnvironment {
  std::string service_host{};  ///< $KUBERNETES_SERVICE_HOST; may be IPv6.
  std::string service_port{};  ///< $KUBERNETES_SERVICE_PORT
  std::string service_account_dir =
      "/var/run/secrets/kubernetes.io/serviceaccount";
};

/// @return kFailedPrecondition when this is no pod (host, token or CA absent),
///     naming what is missing.
Result<Config> LoadInCluster(const InClusterEnvironment& environment);

/// Reads kubeconfig files in the order of $KUBECONFIG and merges them as
/// kubectl does: the first file that defines a cluster, user, context or the
/// current-context wins; files that do not exist are skipped.
///
/// `context` empty: the current-context.
/// @return kInvalidArgument naming file and field; kNotFound if no file or no
///     such context exists; kUnimplemented for exec and auth-provider users.
Result<Config> LoadKubeconfig(const std::vector<std::string>& files,
                              std::string_view context);

/// Splits the value of $KUBECONFIG at ':'; empty: {home + "/.kube/config"}.
std::vector<std::string> KubeconfigFiles(std::string_view kubeconfig,
                                         std::string_view home);

/// A kubeconfig larger than this is refused.
inline constexpr std::size_t kKubeconfigBytesMax = 4u << 20;

}  // namespace datashim::kube
