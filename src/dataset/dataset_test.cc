#include "dataset/dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <utility>

namespace datashim::dataset {
namespace {

using ::testing::StartsWith;
using Json = nlohmann::json;

Json Sample() {
  return Json::parse(R"({
    "apiVersion": "datashim.io/v1alpha1", "kind": "Dataset",
    "metadata": {"name": "model-weights", "namespace": "staging", "uid": "u-1",
      "generation": 3, "labels": {"remove-on-delete": "true"},
      "annotations": {"a": "b"}},
    "spec": {"local": {"type": "COS", "bucket": "models", "endpoint": ""},
      "type": "ARCHIVE", "url": "http://x", "format": "application/x-tar",
      "extract": "true"},
    "status": {"provision": {"status": "Pending", "info": "why"}}})");
}

TEST(ParseDatasetTest, TakesWhatTheServerSends) {
  const auto dataset = ParseDataset(Sample());
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_EQ(dataset->name, "model-weights");
  EXPECT_EQ(dataset->namespace_name, "staging");
  EXPECT_EQ(dataset->uid, "u-1");
  EXPECT_EQ(dataset->generation, 3);
  EXPECT_EQ(dataset->labels, (StringMap{{"remove-on-delete", "true"}}));
  EXPECT_FALSE(dataset->being_deleted);
  EXPECT_EQ(*dataset->Local("bucket"), "models");
  EXPECT_EQ(*dataset->Local("endpoint"), "");
  EXPECT_EQ(dataset->Local("region"), nullptr);
  EXPECT_FALSE(dataset->remote);
  EXPECT_EQ(dataset->type, "ARCHIVE");
  EXPECT_EQ(dataset->url, "http://x");
  EXPECT_EQ(dataset->format, "application/x-tar");
  EXPECT_EQ(dataset->extract, "true");
  EXPECT_EQ(dataset->provision, (PhaseStatus{"Pending", "why"}));
}

TEST(ParseDatasetTest, AbsentIsNotEmpty) {
  Json object = Sample();
  object["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:05Z";
  object["spec"] = Json{{"local", nullptr}, {"remote", Json::object()}};
  object.erase("status");
  const auto dataset = ParseDataset(object);
  ASSERT_TRUE(dataset.ok()) << dataset.error().message;
  EXPECT_TRUE(dataset->being_deleted);
  EXPECT_FALSE(dataset->local);
  EXPECT_EQ(dataset->Local("type"), nullptr);
  EXPECT_TRUE(dataset->remote);
  EXPECT_EQ(dataset->provision, PhaseStatus{});
}

TEST(ParseDatasetTest, NamesTheFieldOfAWrongType) {
  Json many = Json::object();
  for (int i = 0; i < 65; ++i) many[std::to_string(i)] = "x";
  const std::pair<Json::json_pointer, Json> wrong[] = {
      {Json::json_pointer("/metadata"), 1},
      {Json::json_pointer("/metadata/name"), 1},
      {Json::json_pointer("/metadata/generation"), "3"},
      {Json::json_pointer("/metadata/labels/remove-on-delete"), true},
      {Json::json_pointer("/spec"), Json::array()},
      {Json::json_pointer("/spec/local"), "COS"},
      {Json::json_pointer("/spec/local/readonly"), true},
      {Json::json_pointer("/spec/local/bucket"), std::string(4097, 'b')},
      {Json::json_pointer("/spec/local"), many},
      {Json::json_pointer("/spec/local"), {{std::string(254, 'k'), "v"}}},
      {Json::json_pointer("/spec/remote"), 7},
      {Json::json_pointer("/spec/type"), 7},
      {Json::json_pointer("/spec/url"), 7},
      {Json::json_pointer("/spec/extract"), true},
      {Json::json_pointer("/status/provision/status"), true},
      {Json::json_pointer("/status/provision/info"), true}};
  for (const auto& [pointer, value] : wrong) {
    Json object = Sample();
    object[pointer] = value;
    const auto dataset = ParseDataset(object);
    ASSERT_FALSE(dataset.ok()) << pointer;
    EXPECT_EQ(dataset.error().code, ErrorCode::kInvalidArgument);
    std::string field = pointer.to_string().substr(1);
    for (char& c : field) c = c == '/' ? '.' : c;
    EXPECT_THAT(dataset.error().message, StartsWith(field + ": "));
  }
  EXPECT_FALSE(ParseDataset(Json("text")).ok());
}

}  // namespace
}  // namespace datashim::dataset
