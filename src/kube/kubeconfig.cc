#include "kube/kubeconfig.h"

#include <yaml-cpp/yaml.h>

#include <optional>
#include <utility>

#include "base/strings.h"
#include "net/url.h"

namespace datashim::kube {
namespace {

Error Invalid(const std::string& where, std::string_view why) {
  return {ErrorCode::kInvalidArgument, where + ": " + std::string(why)};
}

/// Reads the fields of one mapping; the first error stays.
class FieldReader {
 public:
  FieldReader(const YAML::Node& map, std::string where, std::string_view file)
      : map_(map), where_(std::move(where)) {
    const auto slash = file.rfind('/');
    if (slash != file.npos) directory_ = file.substr(0, slash + 1);
  }

  bool Has(const char* name) const {
    const YAML::Node value = map_[name];
    return value && !value.IsNull();
  }

  std::string Text(const char* name) {
    if (!Has(name)) return {};
    const YAML::Node value = map_[name];
    if (!value.IsScalar()) {
      Fail(name, "is not a string");
      return {};
    }
    return value.Scalar();
  }

  std::string Path(const char* name) {
    std::string path = Text(name);
    if (path.empty() || path.front() == '/') return path;
    return directory_ + path;
  }

  std::string Base64(const char* name) {
    const std::string text = Text(name);
    auto bytes = Base64Decode(text);
    if (!bytes) Fail(name, "is not base64");
    return std::move(bytes).value_or("");
  }

  bool Bool(const char* name) {
    if (!Has(name)) return false;
    const std::string word = Text(name);
    if (word != "true" && word != "false") Fail(name, "is not true or false");
    return word == "true";
  }

  Status status() const { return error_ ? Status(*error_) : OkStatus(); }

 private:
  void Fail(const char* name, std::string_view why) {
    if (!error_) error_ = Invalid(where_ + "." + name, why);
  }

  const YAML::Node map_;
  const std::string where_;
  std::string directory_;
  std::optional<Error> error_;
};

Result<Kubeconfig::Cluster> ParseCluster(FieldReader fields,
                                         std::string where) {
  Kubeconfig::Cluster cluster = {
      .where = std::move(where),
      .server = fields.Text("server"),
      .tls_server_name = fields.Text("tls-server-name"),
      .ca_pem = fields.Base64("certificate-authority-data"),
      .ca_file = fields.Path("certificate-authority"),
      .insecure_skip_tls_verify = fields.Bool("insecure-skip-tls-verify"),
      .has_proxy = fields.Has("proxy-url")};
  DS_RETURN_IF_ERROR(fields.status());
  return cluster;
}

Result<Kubeconfig::User> ParseUser(FieldReader fields, std::string where) {
  Kubeconfig::User user = {
      .where = std::move(where),
      .certificate_pem = fields.Base64("client-certificate-data"),
      .certificate_file = fields.Path("client-certificate"),
      .key_pem = SecretString(fields.Base64("client-key-data")),
      .key_file = fields.Path("client-key"),
      .token = SecretString(fields.Text("token")),
      .token_file = fields.Path("tokenFile"),
      .unsupported = {}};
  for (const char* name : {"exec", "auth-provider", "username", "as"}) {
    if (fields.Has(name)) user.unsupported = name;
  }
  DS_RETURN_IF_ERROR(fields.status());
  return user;
}

Result<Kubeconfig::Context> ParseContext(FieldReader fields,
                                         std::string where) {
  Kubeconfig::Context context = {.where = std::move(where),
                                 .cluster = fields.Text("cluster"),
                                 .user = fields.Text("user"),
                                 .namespace_name = fields.Text("namespace")};
  DS_RETURN_IF_ERROR(fields.status());
  return context;
}

/// Reads a list of {name: …, <item>: {…}}; of equal names the first counts.
template <typename Entry, typename Parse>
Status ParseList(const YAML::Node& root, const char* list, const char* item,
                 const std::string& file, Parse parse,
                 std::map<std::string, Entry, std::less<>>& entries) {
  const YAML::Node nodes = root[list];
  if (!nodes || nodes.IsNull()) return OkStatus();
  if (!nodes.IsSequence()) return Invalid(file + ": " + list, "is not a list");
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const YAML::Node node = nodes[i];
    const std::string index = file + ": " + list + "[" + std::to_string(i);
    if (!node.IsMap()) return Invalid(index + "]", "is not a mapping");
    const YAML::Node name = node["name"];
    if (!name || !name.IsScalar() || name.Scalar().empty()) {
      return Invalid(index + "].name", "is missing");
    }
    const std::string where =
        file + ": " + list + "[" + name.Scalar() + "]." + item;
    const YAML::Node value = node[item];
    if (!value || !value.IsMap()) return Invalid(where, "is not a mapping");
    DS_ASSIGN_OR_RETURN(Entry entry,
                        parse(FieldReader(value, where, file), where));
    entries.emplace(name.Scalar(), std::move(entry));
  }
  return OkStatus();
}

Result<Kubeconfig> ParseDocument(const YAML::Node& root,
                                 const std::string& file) {
  Kubeconfig kubeconfig;
  if (!root || root.IsNull()) return kubeconfig;  // An empty file.
  if (!root.IsMap()) return Invalid(file, "is not a mapping");
  FieldReader fields(root, file, file);
  kubeconfig.current_context = fields.Text("current-context");
  DS_RETURN_IF_ERROR(fields.status());
  DS_RETURN_IF_ERROR(ParseList(root, "clusters", "cluster", file, ParseCluster,
                               kubeconfig.clusters));
  DS_RETURN_IF_ERROR(
      ParseList(root, "users", "user", file, ParseUser, kubeconfig.users));
  DS_RETURN_IF_ERROR(ParseList(root, "contexts", "context", file, ParseContext,
                               kubeconfig.contexts));
  return kubeconfig;
}

using FileReader = std::function<Result<std::string>(const std::string&)>;

/// The text itself, or that of the file, which the text wins over.
Result<std::string> TextOrFile(const std::string& text, const std::string& file,
                               const std::string& where,
                               const FileReader& read_file) {
  if (!text.empty() || file.empty()) return text;
  auto read = read_file(file);
  if (!read.ok()) return read.error().Wrap(where);
  return read;
}

Status ResolveCluster(const Kubeconfig::Cluster& cluster,
                      const FileReader& read_file, Config& config) {
  if (cluster.has_proxy) {
    return Error{ErrorCode::kUnimplemented,
                 cluster.where + ".proxy-url: proxies are not supported"};
  }
  if (cluster.server.empty()) {
    return Invalid(cluster.where + ".server", "is missing");
  }
  if (const auto url = net::ParseUrl(cluster.server); !url.ok()) {
    return url.error().Wrap(cluster.where + ".server");
  }
  config.server = cluster.server;
  config.tls_server_name = cluster.tls_server_name;
  config.insecure_skip_tls_verify = cluster.insecure_skip_tls_verify;
  DS_ASSIGN_OR_RETURN(
      config.ca_pem,
      TextOrFile(cluster.ca_pem, cluster.ca_file,
                 cluster.where + ".certificate-authority", read_file));
  return OkStatus();
}

Status ResolveUser(const Kubeconfig::User& user, const FileReader& read_file,
                   Config& config) {
  if (!user.unsupported.empty()) {
    return Error{ErrorCode::kUnimplemented,
                 user.where + "." + user.unsupported +
                     ": this way to authenticate is not supported; use a "
                     "token, tokenFile or client certificate"};
  }
  DS_ASSIGN_OR_RETURN(
      config.client_certificate_pem,
      TextOrFile(user.certificate_pem, user.certificate_file,
                 user.where + ".client-certificate", read_file));
  DS_ASSIGN_OR_RETURN(std::string key,
                      TextOrFile(user.key_pem.Reveal(), user.key_file,
                                 user.where + ".client-key", read_file));
  config.client_key_pem = SecretString(std::move(key));
  if (config.client_certificate_pem.empty() != config.client_key_pem.empty()) {
    return Invalid(user.where,
                   "client-certificate and client-key come only together");
  }
  config.token = user.token;
  config.token_file = user.token_file;
  return OkStatus();
}

}  // namespace

Result<Kubeconfig> ParseKubeconfig(std::string_view text,
                                   const std::string& file) {
  if (text.size() > kKubeconfigBytesMax) return Invalid(file, "is too large");
  try {
    return ParseDocument(YAML::Load(std::string(text)), file);
  } catch (const YAML::Exception& error) {
    // Not error.what() as a whole: of what the library says, only the place
    // and the reason are sure not to quote a key.
    return Invalid(file + ":" + std::to_string(error.mark.line + 1),
                   "is no YAML: " + error.msg.substr(0, 100));
  }
}

void MergeKubeconfig(Kubeconfig& into, const Kubeconfig& from) {
  if (into.current_context.empty()) {
    into.current_context = from.current_context;
  }
  into.clusters.insert(from.clusters.begin(), from.clusters.end());
  into.users.insert(from.users.begin(), from.users.end());
  into.contexts.insert(from.contexts.begin(), from.contexts.end());
}

Result<Config> ResolveKubeconfig(const Kubeconfig& kubeconfig,
                                 std::string_view context_name,
                                 const FileReader& read_file) {
  if (context_name.empty()) context_name = kubeconfig.current_context;
  if (context_name.empty()) {
    return Error{ErrorCode::kNotFound,
                 "the kubeconfig has no current-context; name a context"};
  }
  const auto context = kubeconfig.contexts.find(context_name);
  if (context == kubeconfig.contexts.end()) {
    return Error{ErrorCode::kNotFound, "the kubeconfig has no context '" +
                                           std::string(context_name) + "'"};
  }
  const std::string& where = context->second.where;
  const auto cluster = kubeconfig.clusters.find(context->second.cluster);
  if (cluster == kubeconfig.clusters.end()) {
    return Invalid(where + ".cluster",
                   "there is no cluster '" + context->second.cluster + "'");
  }
  Config config;
  if (!context->second.namespace_name.empty()) {
    config.default_namespace = context->second.namespace_name;
  }
  DS_RETURN_IF_ERROR(ResolveCluster(cluster->second, read_file, config));
  if (context->second.user.empty()) return config;  // Anonymous.
  const auto user = kubeconfig.users.find(context->second.user);
  if (user == kubeconfig.users.end()) {
    return Invalid(where + ".user",
                   "there is no user '" + context->second.user + "'");
  }
  DS_RETURN_IF_ERROR(ResolveUser(user->second, read_file, config));
  return config;
}

}  // namespace datashim::kube
