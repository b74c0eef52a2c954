// The kubeconfig format: text in, Config out. Reads files only through the
// function it is given.

#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/secret.h"
#include "kube/config.h"

namespace datashim::kube {

/// What one or more kubeconfig files say. Paths in it are absolute or relative
/// to the working directory, no longer to the file.
struct Kubeconfig {
  struct Cluster {
    std::string where;  ///< "<file>: clusters[<name>]", for messages.
    std::string server;
    std::string tls_server_name;
    std::string ca_pem;
    std::string ca_file;  ///< Not used when ca_pem is set.
    bool insecure_skip_tls_verify = false;
    bool has_proxy = false;
  };
  struct User {
    std::string where;
    std::string certificate_pem;
    std::string certificate_file;
    SecretString key_pem;
    std::string key_file;
    SecretString token;
    std::string token_file;
    std::string unsupported;  ///< Name of a field that we cannot obey.
  };
  struct Context {
    std::string where;
    std::string cluster;
    std::string user;
    std::string namespace_name;
  };

  std::string current_context;
  std::map<std::string, Cluster, std::less<>> clusters;
  std::map<std::string, User, std::less<>> users;
  std::map<std::string, Context, std::less<>> contexts;
};

/// @param file its path: begins every message, and is where relative paths
///     start.
/// @return kInvalidArgument, naming the field.
Result<Kubeconfig> ParseKubeconfig(std::string_view text,
                                   const std::string& file);

/// Adds what `into` does not have; the current-context as well.
void MergeKubeconfig(Kubeconfig& into, const Kubeconfig& from);

/// The Config of a context (empty: the current one).
/// @return kNotFound (no such context), kInvalidArgument, kUnimplemented, or
///     what `read_file` returned.
Result<Config> ResolveKubeconfig(
    const Kubeconfig& kubeconfig, std::string_view context,
    const std::function<Result<std::string>(const std::string&)>& read_file);

}  // namespace datashim::kube
