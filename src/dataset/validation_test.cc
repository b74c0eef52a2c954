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
  EXPECT_EQ(spec->config.endpoint, "https://s3.example.com");
  EXPECT_EQ(spec->config.bucket, "models");
  EXPECT_EQ(spec->config.prefix, "team/llama/");
  EXPECT_EQ(spec->config.region, "eu-de");
  EXPECT_TRUE(spec->config.read_only);
  EXPECT_TRUE(spec->provision);
  EXPECT_TRUE(spec->extract);
  EXPECT_EQ(spec->secret_name, "keys");
  EXPECT_FALSE(spec->HasInlineKeys());
  EXPECT_THAT(spec->warnings, IsEmpty());
}

TEST(ValidateTest, DefaultsAreUpstreams) {
  const auto spec =
      Validate(Make({{"readonly", ""}, {"provision", ""}, {"region", ""}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->config.prefix, "");
  EXPECT_EQ(spec->config.region, "");
  EXPECT_FALSE(spec->config.read_only);
  EXPECT_FALSE(spec->provision);
  EXPECT_FALSE(spec->extract);
}

TEST(ValidateTest, TakesInlineKeys) {
  const auto spec = Validate(Make({{"secret-name", ""},
                                   {"accessKeyID", "AKID"},
                                   {"secretAccessKey", "hush"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->secret_name, "");
  EXPECT_TRUE(spec->HasInlineKeys());
  EXPECT_EQ(spec->config.access_key_id.Reveal(), "AKID");
  EXPECT_EQ(spec->config.secret_access_key.Reveal(), "hush");
}

TEST(ValidateTest, EmptyInlineKeysAreAnonymous) {
  const auto spec = Validate(Make({{"secret-name", nullptr},
                                   {"accessKeyID", ""},
                                   {"secretAccessKey", ""}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_FALSE(spec->HasInlineKeys());
}

TEST(ValidateTest, DataThatStaysIsWarnedOf) {
  Dataset dataset = Make();
  dataset.labels["remove-on-delete"] = "false";
  EXPECT_THAT(Validate(dataset).value().warnings, IsEmpty());
  dataset.labels["remove-on-delete"] = "true";
  EXPECT_THAT(Validate(dataset).value().warnings,
              ElementsAre(HasSubstr("data in the bucket stays")));
}

TEST(ValidateTest, OddKeysAreWarnedOf) {
  const auto spec = Validate(Make({{"folder", "x"},
                                   {"removeOnDelete", "true"},
                                   {"read-only", "true"},
                                   {"shoe-size", "44"}}));
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_THAT(
      spec->warnings,
      ElementsAre(
          AllOf(StartsWith("spec.local.folder: "), HasSubstr("bucket")),
          "spec.local.read-only: unknown key, did you mean readonly?",
          AllOf(StartsWith("spec.local.removeOnDelete: "), HasSubstr("stays")),
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
    {{{"type", "NFS"}},
     "spec.local.type",
     "NFS is not supported yet",
     ErrorCode::kUnimplemented},
    {{{"type", "HOST"}},
     "spec.local.type",
     "HOST is not supported yet",
     ErrorCode::kUnimplemented},
    {{{"type", "H3"}},
     "spec.local.type",
     "H3 is not supported yet",
     ErrorCode::kUnimplemented},
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
      {&archive, "spec.type: ARCHIVE is not supported yet"},
      {&mistyped, "spec.type: 'archive' is unknown; did you mean ARCHIVE?"},
      {&remote, "spec.remote: a remote catalog is not supported yet"},
      {&empty, "spec.local: is missing"},
      {&bad_name, "metadata.name: "},
      {&bad_extract, "spec.extract: "}};
  for (const auto& [dataset, message] : cases) {
    const auto spec = Validate(*dataset);
    ASSERT_FALSE(spec.ok()) << message;
    EXPECT_THAT(spec.error().message, StartsWith(message));
  }
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

ResolvedSpec SpecWithSecret() {
  auto spec = Validate(Make({{"bucket", "models/a/b"}}));
  return *std::move(spec);
}

TEST(WithKeysOfTest, TakesTheOwnersKeys) {
  const auto config =
      WithKeysOf(SpecWithSecret(), {{"accessKeyID", SecretString("AKID\n")},
                                    {"secretAccessKey", SecretString(" hush")},
                                    {"sessionToken", SecretString("token")},
                                    {"other", SecretString("x")}});
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->bucket, "models");
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
    const auto config = WithKeysOf(SpecWithSecret(), secret);
    ASSERT_FALSE(config.ok()) << message;
    EXPECT_EQ(config.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(config.error().message,
                AllOf(StartsWith(message), Not(HasSubstr("hush"))));
  }
}

TEST(EnvironmentTest, HasUpstreamsKeys) {
  const ResolvedSpec spec = SpecWithSecret();
  EXPECT_EQ(ConfigMapData(spec), (StringMap{{"endpoint", "http://minio:9000"},
                                            {"bucket", "models"},
                                            {"folder", "a/b"},
                                            {"region", ""}}));
  Dataset dataset = Make();
  dataset.labels["remove-on-delete"] = "true";
  VolumeConfig config = spec.config;
  config.access_key_id = SecretString("AKID");
  config.secret_access_key = SecretString("hush");
  StringMap shown;
  for (const auto& [key, value] : EnvSecretData(dataset, spec, config)) {
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
