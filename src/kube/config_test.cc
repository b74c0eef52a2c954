#include "kube/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "kube/kubeconfig.h"
#include "kube/token_file.h"

namespace datashim::kube {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

/// A directory of its own for each test.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::string pattern = ::testing::TempDir() + "/config-XXXXXX";
    directory_ = mkdtemp(pattern.data());
  }
  ~ConfigTest() override { std::filesystem::remove_all(directory_); }

  std::string Write(const std::string& name, const std::string& text) {
    const std::string path = directory_ + "/" + name;
    std::ofstream(path) << text;
    return path;
  }

  std::string directory_;
};

constexpr const char* kText = R"(
apiVersion: v1
kind: Config
current-context: main
clusters:
- name: c1
  cluster:
    server: https://10.0.0.1:6443
    certificate-authority-data: Q0E=
- name: c2
  cluster:
    server: https://example.com/prefix
    certificate-authority: ca.pem
    tls-server-name: internal
    insecure-skip-tls-verify: true
- name: c1
  cluster: {server: 'https://the-second-of-a-name-does-not-count'}
- name: proxied
  cluster: {server: 'https://s', proxy-url: 'http://p'}
users:
- name: cert
  user:
    client-certificate-data: Q0VSVA==
    client-key-data: S0VZ
- name: token
  user: {token: t0ken}
- name: file
  user: {tokenFile: tokens/x}
- name: exec
  user:
    exec: {command: aws}
- name: half
  user: {client-certificate-data: Q0VSVA==}
contexts:
- name: main
  context: {cluster: c1, user: cert, namespace: team}
- name: by-token
  context: {cluster: c2, user: token}
- name: by-file
  context: {cluster: c1, user: file}
- name: anonymous
  context: {cluster: c1}
- name: by-exec
  context: {cluster: c1, user: exec}
- name: by-half
  context: {cluster: c1, user: half}
- name: by-proxy
  context: {cluster: proxied}
- name: no-cluster
  context: {cluster: x, user: cert}
- name: no-user
  context: {cluster: c1, user: x}
)";

Result<Config> Resolve(std::string_view context) {
  const auto parsed = ParseKubeconfig(kText, "/home/me/.kube/config");
  if (!parsed.ok()) return parsed.error();
  return ResolveKubeconfig(*parsed, context,
                           [](const std::string& path) -> Result<std::string> {
                             return "content of " + path;
                           });
}

TEST(KubeconfigTest, TheCurrentContextIsTheDefault) {
  const auto config = Resolve("");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:6443");
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->client_certificate_pem, "CERT");
  EXPECT_EQ(config->client_key_pem.Reveal(), "KEY");
  EXPECT_EQ(config->default_namespace, "team");
  EXPECT_FALSE(config->insecure_skip_tls_verify);
}

TEST(KubeconfigTest, RelativePathsStartAtTheFile) {
  const auto config = Resolve("by-token");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->ca_pem, "content of /home/me/.kube/ca.pem");
  EXPECT_EQ(config->token.Reveal(), "t0ken");
  EXPECT_EQ(config->tls_server_name, "internal");
  EXPECT_TRUE(config->insecure_skip_tls_verify);
  EXPECT_EQ(config->default_namespace, "default");
  EXPECT_EQ(Resolve("by-file")->token_file, "/home/me/.kube/tokens/x");
}

TEST(KubeconfigTest, AContextWithoutAUserIsAnonymous) {
  const auto config = Resolve("anonymous");
  ASSERT_TRUE(config.ok());
  EXPECT_TRUE(config->token.empty());
  EXPECT_TRUE(config->token_file.empty());
}

struct Failure {
  const char* context;
  ErrorCode code;
  const char* message;
};
class KubeconfigFailureTest : public ::testing::TestWithParam<Failure> {};

TEST_P(KubeconfigFailureTest, NamesTheField) {
  const auto config = Resolve(GetParam().context);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code, GetParam().code);
  EXPECT_THAT(config.error().message, HasSubstr(GetParam().message));
}

const Failure kFailures[] = {
    {"by-exec", ErrorCode::kUnimplemented,
     "/home/me/.kube/config: users[exec].user.exec: "},
    {"by-proxy", ErrorCode::kUnimplemented,
     "clusters[proxied].cluster.proxy-url: "},
    {"by-half", ErrorCode::kInvalidArgument, "users[half].user: "},
    {"no-cluster", ErrorCode::kInvalidArgument,
     "contexts[no-cluster].context.cluster: there is no cluster 'x'"},
    {"no-user", ErrorCode::kInvalidArgument,
     "contexts[no-user].context.user: there is no user 'x'"},
    {"absent", ErrorCode::kNotFound, "no context 'absent'"},
};
INSTANTIATE_TEST_SUITE_P(Contexts, KubeconfigFailureTest,
                         ::testing::ValuesIn(kFailures));

struct BadText {
  const char* text;
  const char* message;
};
class KubeconfigBadTextTest : public ::testing::TestWithParam<BadText> {};

TEST_P(KubeconfigBadTextTest, NamesFileAndField) {
  const auto parsed = ParseKubeconfig(GetParam().text, "f");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(parsed.error().message, ::testing::StartsWith("f"));
  EXPECT_THAT(parsed.error().message, HasSubstr(GetParam().message));
}

const BadText kBadTexts[] = {
    {"a: [", "is no YAML"},
    {"- a", "f: is not a mapping"},
    {"users: {}", "users: is not a list"},
    {"users: [x]", "users[0]: is not a mapping"},
    {"users: [{user: {}}]", "users[0].name: is missing"},
    {"users: [{name: a}]", "users[a].user: is not a mapping"},
    {"users: [{name: a, user: {token: [x]}}]",
     "users[a].user.token: is not a string"},
    {"users: [{name: a, user: {client-key-data: '%'}}]",
     "users[a].user.client-key-data: is not base64"},
    {"clusters: [{name: a, cluster: {insecure-skip-tls-verify: maybe}}]",
     "clusters[a].cluster.insecure-skip-tls-verify: is not true or false"},
};
INSTANTIATE_TEST_SUITE_P(Texts, KubeconfigBadTextTest,
                         ::testing::ValuesIn(kBadTexts));

TEST(KubeconfigTest, AServerThatIsNoUrlIsNamed) {
  const auto parsed = ParseKubeconfig(
      "current-context: a\n"
      "clusters: [{name: c, cluster: {server: 'ftp://x'}}]\n"
      "contexts: [{name: a, context: {cluster: c}}]\n",
      "f");
  ASSERT_TRUE(parsed.ok());
  const auto config = ResolveKubeconfig(*parsed, "", nullptr);
  ASSERT_FALSE(config.ok());
  EXPECT_THAT(config.error().message,
              HasSubstr("f: clusters[c].cluster.server: "));
}

TEST_F(ConfigTest, OfSeveralFilesTheFirstWins) {
  const std::string first = Write("1", R"(
clusters: [{name: c, cluster: {server: 'https://first'}}]
contexts: [{name: x, context: {cluster: c}}])");
  const std::string second = Write("2", R"(
current-context: y
clusters: [{name: c, cluster: {server: 'https://second'}}]
contexts: [{name: y, context: {cluster: c}}])");
  const std::string third = Write("3", "current-context: absent");
  const std::string absent = directory_ + "/4";
  const auto config = LoadKubeconfig({absent, first, second, third}, "");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->server, "https://first");
  EXPECT_TRUE(LoadKubeconfig({first, second}, "x").ok());
  EXPECT_EQ(LoadKubeconfig({first}, "").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(LoadKubeconfig({absent}, "").error().message, HasSubstr(absent));
}

TEST_F(ConfigTest, AFileThatCannotBeReadIsNamed) {
  const std::string config = Write("config", R"(
current-context: x
clusters: [{name: c, cluster: {server: 'https://s', certificate-authority: ca}}]
contexts: [{name: x, context: {cluster: c}}])");
  const auto loaded = LoadKubeconfig({config}, "");
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.error().message,
              HasSubstr("clusters[c].cluster.certificate-authority: " +
                        directory_ + "/ca: "));
}

TEST(KubeconfigFilesTest, AreThoseOfTheVariableOrTheOneAtHome) {
  EXPECT_THAT(KubeconfigFiles("/a::/b", "/home/me"), ElementsAre("/a", "/b"));
  EXPECT_THAT(KubeconfigFiles("", "/home/me"),
              ElementsAre("/home/me/.kube/config"));
}

TEST_F(ConfigTest, InClusterReadsTheServiceAccount) {
  Write("token", "t");
  Write("ca.crt", "CA");
  Write("namespace", "team\n");
  InClusterEnvironment environment = {.service_host = "10.0.0.1",
                                      .service_port = "443",
                                      .service_account_dir = directory_};
  auto config = LoadInCluster(environment);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->server, "https://10.0.0.1:443");
  EXPECT_EQ(config->ca_pem, "CA");
  EXPECT_EQ(config->token_file, directory_ + "/token");
  EXPECT_EQ(config->default_namespace, "team");
  environment.service_host = "fd00::1";
  EXPECT_EQ(LoadInCluster(environment)->server, "https://[fd00::1]:443");
}

TEST_F(ConfigTest, InClusterNamesWhatIsMissing) {
  InClusterEnvironment environment = {.service_host = "h",
                                      .service_port = "443",
                                      .service_account_dir = directory_};
  EXPECT_EQ(LoadInCluster({}).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(LoadInCluster(environment).error().message, HasSubstr("/token"));
  Write("token", "t");
  EXPECT_THAT(LoadInCluster(environment).error().message, HasSubstr("/ca.crt"));
}

TEST_F(ConfigTest, TheTokenIsReadAgainAfterAMinute) {
  FakeClock clock;
  TokenFile file(Write("token", "one\n"), clock);
  EXPECT_EQ(file.Token()->Reveal(), "one");
  Write("token", "two");
  clock.Advance(TokenFile::kRereadAfter - std::chrono::seconds(1));
  EXPECT_EQ(file.Token()->Reveal(), "one");
  clock.Advance(std::chrono::seconds(1));
  EXPECT_EQ(file.Token()->Reveal(), "two");
}

TEST_F(ConfigTest, ARefusedTokenIsReadAgainAtOnce) {
  FakeClock clock;
  TokenFile file(Write("token", "one"), clock);
  EXPECT_EQ(file.Token()->Reveal(), "one");
  Write("token", "two");
  file.Expire();
  EXPECT_EQ(file.Token()->Reveal(), "two");
}

TEST_F(ConfigTest, AnUnreadableTokenFileKeepsTheLastToken) {
  FakeClock clock;
  TokenFile file(directory_ + "/token", clock);
  EXPECT_THAT(file.Token().error().message, HasSubstr("/token"));
  Write("token", "one");
  EXPECT_EQ(file.Token()->Reveal(), "one");
  Write("token", " \n");
  clock.Advance(std::chrono::hours(1));
  EXPECT_EQ(file.Token()->Reveal(), "one");
}

}  // namespace
}  // namespace datashim::kube
