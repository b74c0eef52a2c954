#include "dataset/validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <utility>

#include "dataset/environment.h"

namespace datashim::dataset {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

using Change = std::pair<const char*, const char*>;  // nullptr: without it.

Dataset Make(std::initializer_list<Change> changes = {}) {
  Dataset dataset;
  dataset.name = "model-weights";
  dataset.namespace_name = "staging";
  dataset.local = StringMap{{"type", "COS"},
                            {"secret-name", "keys"},
                            {"endpoint", "http://minio:9000"},
                            {"bucket", "models"}};
  for (const auto& [key, value] : changes) {
    if (value == nullptr) {
      dataset.local->erase(key);
    } else {
      dataset.local->insert_or_assign(key, value);
    }
  }
  return dataset;
}

TEST(ValidateTest, ResolvesTheWholeSpec) {
  Dataset dataset = Make({{"type", "S3"},
                          {"secret-namespace", "staging"},
                          {"endpoint", "https://s3.example.com/"},
                          {"bucket", "models/team/llama/"},
                          {"region", "eu-de"},
                          {"readonly", "True"},
                          {"provision", "1"}});
  dataset.extract = "t";
  const auto spec = Validate(dataset);
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->bucket()->config.endpoint, "https://s3.example.com");
  EXPECT_EQ(spec->bucket()->config.bucket, "models");
  EXPECT_EQ(spec->bucket()->config.prefix, "team/llama/");
  EXPECT_EQ(spec->bucket()->config.region, "eu-de");
  EXPECT_TRUE(spec->bucket()->config.read_only);
  EXPECT_TRUE(spec->bucket()->provision);
  EXPECT_TRUE(spec->extract);
  EXPECT_EQ(spec->bucket()->secret_name, "keys");
  EXPECT_FALSE(spec->bucket()->HasInlineKeys());
  EXPECT_THAT(spec->warnings, IsEmpty());
}

TEST(ValidateTest, DefaultsAreUpstreams) {
  const auto spec =
      Validate(Make({{"readonly", ""}, {"provision", ""}, {"region", ""}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->bucket()->config.prefix, "");
  EXPECT_EQ(spec->bucket()->config.region, "");
  EXPECT_FALSE(spec->bucket()->config.read_only);
  EXPECT_FALSE(spec->bucket()->provision);
  EXPECT_FALSE(spec->extract);
}

TEST(ValidateTest, TakesInlineKeys) {
  const auto spec = Validate(Make({{"secret-name", ""},
                                   {"accessKeyID", "AKID"},
                                   {"secretAccessKey", "hush"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->bucket()->secret_name, "");
  EXPECT_TRUE(spec->bucket()->HasInlineKeys());
  EXPECT_EQ(spec->bucket()->config.access_key_id.Reveal(), "AKID");
  EXPECT_EQ(spec->bucket()->config.secret_access_key.Reveal(), "hush");
}

TEST(ValidateTest, EmptyInlineKeysAreAnonymous) {
  const auto spec = Validate(Make({{"secret-name", nullptr},
                                   {"accessKeyID", ""},
                                   {"secretAccessKey", ""}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_FALSE(spec->bucket()->HasInlineKeys());
}

TEST(RemovesOnDeleteTest, TheLabelWinsOverTheSpec) {
  EXPECT_FALSE(RemovesOnDelete(Make()));
  EXPECT_TRUE(RemovesOnDelete(Make({{"remove-on-delete", "true"}})));
  EXPECT_TRUE(RemovesOnDelete(Make({{"removeOnDelete", "1"}})));
  EXPECT_FALSE(RemovesOnDelete(Make({{"removeOnDelete", "false"}})));
  Dataset dataset = Make({{"removeOnDelete", "true"}});
  dataset.labels["remove-on-delete"] = "false";
  EXPECT_FALSE(RemovesOnDelete(dataset));
  EXPECT_FALSE(Validate(dataset).value().bucket()->remove_on_delete);
  dataset = Make();
  dataset.labels["remove-on-delete"] = "true";
  EXPECT_TRUE(Validate(dataset).value().bucket()->remove_on_delete);
  dataset.labels["remove-on-delete"] = "perhaps";
  EXPECT_FALSE(RemovesOnDelete(dataset));
}

TEST(ValidateTest, OddKeysAreWarnedOf) {
  const auto spec = Validate(
      Make({{"folder", "x"}, {"read-only", "true"}, {"shoe-size", "44"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(
      spec->warnings,
      ElementsAre(AllOf(StartsWith("spec.local.folder: "), HasSubstr("bucket")),
                  "spec.local.read-only: unknown key, did you mean readonly?",
                  "spec.local.shoe-size: unknown key, ignored"));
}

struct Wrong {
  std::vector<Change> changes;
  const char* field;
  const char* hint = "";
  ErrorCode code = ErrorCode::kInvalidArgument;
};

const Wrong kWrong[] = {
    {{{"type", nullptr}}, "spec.local.type", "COS"},
    {{{"type", "cos"}}, "spec.local.type", "did you mean COS?"},
    {{{"type", "s3"}}, "spec.local.type", "did you mean S3?"},
    {{{"type", "nfs"}}, "spec.local.type", "did you mean NFS?"},
    {{{"type", "teapot"}}, "spec.local.type", "it is COS"},
    {{{"type", "H3"}}, "spec.local.storageUri", "is missing"},
    {{{"endpoint", nullptr}}, "spec.local.endpoint", "is missing"},
    {{{"endpoint", ""}}, "spec.local.endpoint", "is missing"},
    {{{"endpoint", nullptr}, {"endpiont", "http://x"}},
     "spec.local.endpoint",
     "by 'endpiont'?"},
    {{{"endpoint", "minio:9000"}}, "spec.local.endpoint", "http://"},
    {{{"endpoint", "http://minio/models"}}, "spec.local.endpoint", "bucket"},
    {{{"endpoint", "http://a:hush@minio"}},
     "spec.local.endpoint",
     "a user or a password"},
    {{{"bucket", nullptr}}, "spec.local.bucket", "is missing"},
    {{{"bucket", nullptr}, {"Bucket", "x"}},
     "spec.local.bucket",
     "by 'Bucket'?"},
    {{{"bucket", "/models"}}, "spec.local.bucket"},
    {{{"bucket", "a/b"}}, "spec.local.bucket"},
    {{{"bucket", "models/../x"}}, "spec.local.bucket", "folder"},
    {{{"region", "us east"}}, "spec.local.region", "us-east-1"},
    {{{"ca-bundle", "No Name"}}, "spec.local.ca-bundle", "configmap/NAME"},
    {{{"ca-bundle", "secret/"}}, "spec.local.ca-bundle", "secret/NAME"},
    {{{"ca-bundle", "a/b/c"}}, "spec.local.ca-bundle", "ca.crt"},
    {{{"ca-bundle", "ca"}, {"insecure-skip-tls-verify", "true"}},
     "spec.local.ca-bundle",
     "leave out one"},
    {{{"insecure-skip-tls-verify", "y"}},
     "spec.local.insecure-skip-tls-verify",
     "'y'"},
    {{{"path-style", "virtual"}}, "spec.local.path-style", "'virtual'"},
    {{{"uid", "root"}}, "spec.local.uid", "'root'"},
    {{{"uid", "4294967295"}}, "spec.local.uid", "4294967294"},
    {{{"gid", "-1"}}, "spec.local.gid"},
    {{{"file-mode", "0888"}}, "spec.local.file-mode", "0640"},
    {{{"file-mode", "4755"}}, "spec.local.file-mode", "0640"},
    {{{"dir-mode", "rwx"}}, "spec.local.dir-mode", "0640"},
    {{{"metadata-ttl", "1d"}}, "spec.local.metadata-ttl", "30s"},
    {{{"metadata-ttl", "25h"}}, "spec.local.metadata-ttl", "24h"},
    {{{"metadata-ttl", "s"}}, "spec.local.metadata-ttl", "30s"},
    {{{"size", "0Gi"}}, "spec.local.size", "10Gi"},
    {{{"size", "10GB"}}, "spec.local.size", "10Gi"},
    {{{"access-mode", "readwritemany"}},
     "spec.local.access-mode",
     "did you mean ReadWriteMany?"},
    {{{"access-mode", "RWX"}}, "spec.local.access-mode", "ReadOnlyMany"},
    {{{"mount-options", "noatime,suid"}},
     "spec.local.mount-options",
     "did you mean nosuid?"},
    {{{"remove-on-delete", "yes"}}, "spec.local.remove-on-delete", "'yes'"},
    {{{"session-token", "t"}}, "spec.local.secret-name", "two ways"},
    {{{"readonly", "yes"}}, "spec.local.readonly", "'yes'"},
    {{{"provision", "on"}}, "spec.local.provision", "'on'"},
    {{{"secret-name", nullptr}}, "spec.local.secret-name", "anonymous"},
    {{{"secret-name", nullptr}, {"secretName", "keys"}},
     "spec.local.secret-name",
     "by 'secretName'?"},
    {{{"secret-name", "No Name"}}, "spec.local.secret-name"},
    {{{"secret-namespace", "other"}}, "spec.local.secret-namespace", "staging"},
    {{{"accessKeyID", "AKID"}}, "spec.local.secret-name", "two ways"},
    {{{"secretAccessKey", ""}}, "spec.local.secret-name", "two ways"},
    {{{"secret-name", nullptr}, {"accessKeyID", "AKID"}},
     "spec.local.secretAccessKey",
     "is missing"},
    {{{"secret-name", nullptr}, {"secretAccessKey", "hush"}},
     "spec.local.accessKeyID",
     "is missing"},
    {{{"secret-name", nullptr},
      {"accessKeyID", "AKID"},
      {"secretAccessKey", ""}},
     "spec.local",
     "secretAccessKey is empty"},
    {{{"secret-name", nullptr},
      {"accessKeyID", ""},
      {"secretAccessKey", "hush"}},
     "spec.local",
     "accessKeyID is empty"},
    {{{"secret-name", nullptr},
      {"accessKeyID", "AKID"},
      {"secretAccessKey", "hush hush"}},
     "spec.local.secretAccessKey"},
};

TEST(ValidateErrorTest, NamesTheKeyAndHints) {
  for (const Wrong& wrong : kWrong) {
    Dataset dataset = Make();
    for (const auto& [key, value] : wrong.changes) {
      if (value == nullptr) {
        dataset.local->erase(key);
      } else {
        dataset.local->insert_or_assign(key, value);
      }
    }
    const auto spec = Validate(dataset);
    ASSERT_FALSE(spec.ok()) << wrong.field << " " << wrong.hint;
    EXPECT_EQ(spec.error().code, wrong.code) << spec.error().message;
    EXPECT_THAT(spec.error().message,
                AllOf(StartsWith(std::string(wrong.field) + ": "),
                      HasSubstr(wrong.hint), Not(HasSubstr("hush"))));
  }
}

TEST(ValidateErrorTest, OtherKindsOfDatasetsSaySo) {
  Dataset archive;
  archive.name = "a";
  archive.type = "ARCHIVE";
  Dataset mistyped = Make();
  mistyped.type = "archive";
  Dataset remote;
  remote.name = "a";
  remote.remote = StringMap{{"type", "CatalogEntry"}};
  Dataset empty;
  empty.name = "a";
  Dataset bad_name = Make();
  bad_name.name = "a.b";
  Dataset bad_extract = Make();
  bad_extract.extract = "maybe";
  const std::pair<const Dataset*, const char*> cases[] = {
      {&archive, "spec.url: is missing"},
      {&mistyped, "spec.type: 'archive' is unknown; did you mean ARCHIVE?"},
      {&remote, "spec.remote: tables of a catalog"},
      {&empty, "spec.local: is missing"},
      {&bad_name, "metadata.name: "},
      {&bad_extract, "spec.extract: "}};
  for (const auto& [dataset, message] : cases) {
    const auto spec = Validate(*dataset);
    ASSERT_FALSE(spec.ok()) << message;
    EXPECT_THAT(spec.error().message, StartsWith(message));
  }
}

TEST(ValidateTest, TakesTheExtraKeysOfBuckets) {
  const auto spec = Validate(Make({{"secret-name", nullptr},
                                   {"accessKeyID", "AKID"},
                                   {"secretAccessKey", "hush"},
                                   {"session-token", "token"},
                                   {"ca-bundle", "secret/store-ca/root.pem"},
                                   {"path-style", "false"},
                                   {"uid", "1000"},
                                   {"gid", "100"},
                                   {"file-mode", "0640"},
                                   {"dir-mode", "750"},
                                   {"metadata-ttl", "5m"},
                                   {"size", "10Ti"},
                                   {"access-mode", "ReadWriteOnce"},
                                   {"mount-options", "noatime, nosuid"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(spec->warnings, IsEmpty());
  const BucketSource& bucket = *spec->bucket();
  EXPECT_EQ(bucket.config.session_token.Reveal(), "token");
  ASSERT_TRUE(bucket.ca_bundle);
  EXPECT_EQ(bucket.ca_bundle->kind, ObjectField::Kind::kSecret);
  EXPECT_EQ(bucket.ca_bundle->name, "store-ca");
  EXPECT_EQ(bucket.ca_bundle->key, "root.pem");
  EXPECT_FALSE(bucket.config.path_style);
  const FileOptions files{.uid = 1000,
                          .gid = 100,
                          .file_mode = 0640,
                          .directory_mode = 0750,
                          .metadata_ttl = std::chrono::seconds(300)};
  EXPECT_EQ(bucket.config.files, files);
  EXPECT_EQ(spec->shape.size, "10Ti");
  EXPECT_EQ(spec->shape.access_mode, "ReadWriteOnce");
  EXPECT_THAT(spec->shape.mount_options, ElementsAre("noatime", "nosuid"));
  EXPECT_FALSE(spec->shape.read_only);
}

TEST(ValidateTest, ExtraKeysHaveDefaults) {
  const auto spec = Validate(Make({{"ca-bundle", "ca"}, {"path-style", ""}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  const BucketSource& bucket = *spec->bucket();
  EXPECT_EQ(bucket.ca_bundle->kind, ObjectField::Kind::kEither);
  EXPECT_EQ(bucket.ca_bundle->key, "ca.crt");
  EXPECT_TRUE(bucket.config.path_style);
  EXPECT_EQ(bucket.config.files, FileOptions());
  EXPECT_EQ(spec->shape.size, "5Gi");
  EXPECT_EQ(spec->shape.access_mode, "ReadWriteMany");
  EXPECT_THAT(spec->shape.mount_options, IsEmpty());
}

TEST(ValidateTest, EachWayToReadOnlyIsReadOnly) {
  const std::vector<Change> ways[] = {{{"readonly", "true"}},
                                      {{"mount-options", "ro"}},
                                      {{"access-mode", "ReadOnlyMany"}}};
  for (const auto& way : ways) {
    Dataset dataset = Make();
    for (const auto& [key, value] : way) (*dataset.local)[key] = value;
    const auto spec = Validate(dataset);
    ASSERT_TRUE(spec.ok()) << spec.error().message;
    EXPECT_TRUE(spec->shape.read_only) << way[0].first;
    EXPECT_TRUE(spec->bucket()->config.read_only) << way[0].first;
    EXPECT_EQ(spec->shape.access_mode, "ReadOnlyMany") << way[0].first;
  }
}

TEST(ValidateTest, AnUncheckedServerIsWarnedOf) {
  const auto spec = Validate(Make({{"insecure-skip-tls-verify", "true"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_TRUE(spec->bucket()->config.insecure_skip_tls_verify);
  EXPECT_THAT(spec->warnings, ElementsAre(HasSubstr("prefer ca-bundle")));
}

TEST(ValidateTest, LocalWinsOverRemote) {
  Dataset dataset = Make();
  dataset.remote = StringMap{{"type", "CatalogEntry"}};
  EXPECT_TRUE(Validate(dataset).ok());
}

TEST(IsReadOnlyTest, ReadsBooleansAsGoDoes) {
  EXPECT_FALSE(IsReadOnly(Dataset()));
  EXPECT_FALSE(IsReadOnly(Make()));
  EXPECT_FALSE(IsReadOnly(Make({{"readonly", "false"}})));
  EXPECT_FALSE(IsReadOnly(Make({{"readonly", "yes"}})));
  EXPECT_TRUE(IsReadOnly(Make({{"readonly", "true"}})));
  EXPECT_TRUE(IsReadOnly(Make({{"readonly", "T"}})));
}

TEST(HasEnvironmentTest, OnlyOfBuckets) {
  EXPECT_TRUE(HasEnvironment(Make()));
  EXPECT_TRUE(HasEnvironment(Make({{"type", "S3"}})));
  EXPECT_FALSE(HasEnvironment(Make({{"type", "NFS"}})));
  EXPECT_FALSE(HasEnvironment(Dataset()));
}

BucketSource SourceWithSecret() {
  return *Validate(Make({{"bucket", "models/a/b"}})).value().bucket();
}

TEST(WithKeysOfTest, TakesTheOwnersKeys) {
  const auto config = WithKeysOf(SourceWithSecret(),
                                 {{"accessKeyID", SecretString("AKID\n")},
                                  {"secretAccessKey", SecretString(" hush")},
                                  {"sessionToken", SecretString("token")},
                                  {"other", SecretString("x")}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->bucket, "models");
  EXPECT_EQ(config->access_key_id.Reveal(), "AKID");
  EXPECT_EQ(config->secret_access_key.Reveal(), "hush");
  EXPECT_EQ(config->session_token.Reveal(), "token");
}

TEST(WithKeysOfTest, TakesTheNamesOfAwsTools) {
  const auto config = WithKeysOf(
      SourceWithSecret(), {{"AWS_ACCESS_KEY_ID", SecretString("AKID")},
                           {"AWS_SECRET_ACCESS_KEY", SecretString("hush")},
                           {"AWS_SESSION_TOKEN", SecretString("token")}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->access_key_id.Reveal(), "AKID");
  EXPECT_EQ(config->secret_access_key.Reveal(), "hush");
  EXPECT_EQ(config->session_token.Reveal(), "token");
}

TEST(WithKeysOfTest, NamesSecretAndKey) {
  const std::pair<SecretData, const char*> cases[] = {
      {{}, "Secret keys: accessKeyID: is missing"},
      {{{"accessKeyID", SecretString("AKID")}},
       "Secret keys: secretAccessKey: is missing"},
      {{{"accessKeyID", SecretString("AKID")},
        {"secretAccessKey", SecretString("")}},
       "Secret keys: secretAccessKey is empty"},
      {{{"accessKeyID", SecretString("AKID")},
        {"secretAccessKey", SecretString("hush hush")}},
       "Secret keys: secretAccessKey: must be printable"}};
  for (const auto& [secret, message] : cases) {
    const auto config = WithKeysOf(SourceWithSecret(), secret);
    ASSERT_FALSE(config.ok()) << message;
    EXPECT_EQ(config.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(config.error().message,
                AllOf(StartsWith(message), Not(HasSubstr("hush"))));
  }
}

TEST(EnvironmentTest, HasUpstreamsKeys) {
  Dataset dataset = Make({{"bucket", "models/a/b"}});
  dataset.labels["remove-on-delete"] = "true";
  const ResolvedSpec spec = Validate(dataset).value();
  EXPECT_EQ(ConfigMapData(spec.bucket()->config),
            (StringMap{{"endpoint", "http://minio:9000"},
                       {"bucket", "models"},
                       {"folder", "a/b"},
                       {"region", ""}}));
  VolumeConfig config = spec.bucket()->config;
  config.access_key_id = SecretString("AKID");
  config.secret_access_key = SecretString("hush");
  StringMap shown;
  for (const auto& [key, value] : EnvSecretData(spec, config)) {
    shown[key] = value.Reveal();
  }
  EXPECT_EQ(shown, (StringMap{{"accessKeyID", "AKID"},
                              {"secretAccessKey", "hush"},
                              {"endpoint", "http://minio:9000"},
                              {"bucket", "models"},
                              {"folder", "a/b"},
                              {"region", ""},
                              {"readonly", "false"},
                              {"extract", "false"},
                              {"provision", "false"},
                              {"remove-on-delete", "true"}}));
}

}  // namespace
}  // namespace datashim::dataset
