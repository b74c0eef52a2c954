#include "s3/prefix_eraser.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"
#include "s3/client_impl.h"
#include "s3/object_rules.h"

namespace datashim::s3 {
namespace {

// 1,000 keys of 1,024 bytes, each byte as %XX, with what goes with them.
constexpr std::size_t kListBytesMax = 8u << 20;
constexpr char kVersionId[] = "versionId";
constexpr char kUploadId[] = "uploadId";

// XML has no way to write most control characters.
bool FitsXml(const std::string& key) {
  return std::ranges::none_of(key, [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

bool IsUnknownThere(const Error& error) {
  return error.code == ErrorCode::kUnimplemented;
}

}  // namespace

PrefixEraser::PrefixEraser(std::shared_ptr<S3Client> client, std::string bucket,
                           std::string prefix)
    : client_(std::move(client)),
      bucket_(std::move(bucket)),
      prefix_(std::move(prefix)) {}

Result<EraseStep> PrefixEraser::Step(Deadline deadline) {
  const auto page_of_uploads = [&]() -> Result<VersionPage> {
    if (!has_uploads_) return VersionPage{};
    auto page = List(/*uploads=*/true, deadline);
    if (page.ok() || !IsUnknownThere(page.error())) return page;
    has_uploads_ = false;
    return VersionPage{};
  };
  DS_ASSIGN_OR_RETURN(VersionPage page, page_of_uploads());
  const bool are_uploads = !page.entries.empty();
  if (!are_uploads) {
    DS_ASSIGN_OR_RETURN(page, ListVersions(deadline));
  }
  if (page.entries.empty()) return EraseStep{.done = true};
  if (first_ == page.entries.front()) {
    return Wrong({ErrorCode::kFailedPrecondition,
                  "object " + JsonQuote(first_.key) +
                      " was deleted and is still there; is it under a legal "
                      "hold or retention?"});
  }
  if (are_uploads) {
    for (const ObjectVersion& upload : page.entries) {
      DS_RETURN_IF_ERROR(DeleteOne(upload, kUploadId, deadline));
    }
  } else {
    DS_RETURN_IF_ERROR(Delete(page.entries, deadline));
  }
  first_ = page.entries.front();
  return EraseStep{.removed = page.entries.size()};
}

Result<VersionPage> PrefixEraser::ListVersions(Deadline deadline) {
  if (has_versions_) {
    auto page = List(/*uploads=*/false, deadline);
    if (page.ok() || !IsUnknownThere(page.error())) return page;
    has_versions_ = false;
  }
  return List(/*uploads=*/false, deadline);
}

Result<VersionPage> PrefixEraser::List(bool uploads, Deadline deadline) {
  Operation operation;
  operation.bucket = bucket_;
  operation.body_bytes_max = kListBytesMax;
  operation.query = {{"encoding-type", "url"}, {"prefix", prefix_}};
  if (uploads) {
    operation.query.emplace_back("uploads", "");
  } else if (has_versions_) {
    operation.query.emplace_back("versions", "");
  } else {
    operation.query.emplace_back("list-type", "2");
  }
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto page = ParseVersionPage(answer.body);
  if (!page.ok()) return Wrong(std::move(page).error());
  for (const ObjectVersion& version : page->entries) {
    if (version.key.starts_with(prefix_)) continue;
    return Wrong({ErrorCode::kDataLoss,
                  "the server lists objects that are not below the prefix"});
  }
  return page;
}

Status PrefixEraser::Delete(const std::vector<ObjectVersion>& versions,
                            Deadline deadline) {
  std::vector<ObjectVersion> many;
  for (const ObjectVersion& version : versions) {
    if (FitsXml(version.key) && Md5("")) {  // MD5 may be switched off (FIPS).
      many.push_back(version);
    } else {
      DS_RETURN_IF_ERROR(DeleteOne(version, kVersionId, deadline));
    }
  }
  return many.empty() ? OkStatus() : DeleteMany(many, deadline);
}

Status PrefixEraser::DeleteMany(const std::vector<ObjectVersion>& versions,
                                Deadline deadline) {
  Operation operation;
  operation.method = "POST";
  operation.bucket = bucket_;
  operation.query = {{"delete", ""}};
  const std::string body = FormatDelete(versions);
  operation.body = body;
  operation.headers = {{"Content-Type", "application/xml"},
                       {"Content-MD5", Base64Encode(Md5(body).value_or(""))}};
  operation.error_in_success = true;
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto failed = ParseDeleteErrors(answer.body);
  if (!failed.ok()) return Wrong(std::move(failed).error());
  for (const DeleteError& error : *failed) {
    if (error.body.code == "NoSuchKey" || error.body.code == "NoSuchVersion") {
      continue;
    }
    const Failure failure = MapFailure({.status = 400, .body = error.body});
    return Wrong(failure.error.Wrap("object " + JsonQuote(error.key)));
  }
  return OkStatus();
}

Status PrefixEraser::DeleteOne(const ObjectVersion& version,
                               const char* id_name, Deadline deadline) {
  Operation operation;
  operation.method = "DELETE";
  operation.bucket = bucket_;
  operation.key = version.key;
  if (!version.id.empty()) operation.query = {{id_name, version.id}};
  auto answer = client_->impl().Run(operation, deadline);
  if (answer.ok() || answer.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return std::move(answer).error();
}

Error PrefixEraser::Wrong(Error error) const {
  return error.Wrap("bucket \"" + bucket_ + "\" at " + client_->endpoint());
}

}  // namespace datashim::s3
