#include "s3/object_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "s3/client_impl.h"
#include "s3/http_date.h"
#include "s3/object_rules.h"
#include "s3/xml.h"

namespace datashim::s3 {
namespace {

// S3's own limit.
constexpr std::size_t kKeyBytesMax = 1024;
// 1,000 keys of 1,024 bytes, each byte as %XX, with their tags.
constexpr std::size_t kListBytesMax = 8u << 20;
// Of the clean-up after a copy that failed.
constexpr auto kAbortTimeout = std::chrono::seconds(5);

std::string_view AsText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class S3ObjectStore final : public store::ObjectStore {
 public:
  S3ObjectStore(std::shared_ptr<S3Client> client, std::string bucket,
                std::string prefix)
      : client_(std::move(client)),
        bucket_(std::move(bucket)),
        prefix_(std::move(prefix)) {}

  Result<std::size_t> Get(const std::string& key, const std::string& etag,
                          store::ByteRange range, std::span<std::byte> out,
                          Deadline deadline) override;
  Result<store::ObjectInfo> Head(const std::string& key,
                                 Deadline deadline) override;
  Result<store::ListPage> List(const store::ListRequest& request,
                               Deadline deadline) override;
  Result<store::ObjectInfo> Put(const std::string& key,
                                std::span<const std::byte> body,
                                const store::PutOptions& options,
                                Deadline deadline) override;
  Result<std::string> CreateUpload(const std::string& key,
                                   const store::PutOptions& options,
                                   Deadline deadline) override;
  Result<store::UploadedPart> UploadPart(const std::string& key,
                                         const std::string& upload_id,
                                         std::uint32_t number,
                                         std::span<const std::byte> body,
                                         Deadline deadline) override;
  Result<store::ObjectInfo> CompleteUpload(
      const std::string& key, const std::string& upload_id,
      const std::vector<store::UploadedPart>& parts,
      const store::PutOptions& options, Deadline deadline) override;
  Status AbortUpload(const std::string& key, const std::string& upload_id,
                     Deadline deadline) override;
  Status Delete(const std::string& key, Deadline deadline) override;
  Result<store::ObjectInfo> Copy(const std::string& source_key,
                                 const std::string& source_etag,
                                 const std::string& key,
                                 Deadline deadline) override;

 private:
  Result<Operation> For(std::string method, const std::string& key) const;
  Error Wrong(const Operation& operation, Error error) const;
  Result<store::ObjectInfo> InfoOf(const std::string& key, std::uint64_t size,
                                   const std::string& etag,
                                   const Answer& answer,
                                   const Operation& operation) const;
  Result<store::ObjectInfo> CopyAtOnce(const store::ObjectInfo& source,
                                       const std::string& key,
                                       Deadline deadline);
  Result<store::ObjectInfo> CopyByPart(const store::ObjectInfo& source,
                                       const std::string& key,
                                       Deadline deadline);
  Result<store::UploadedPart> CopyPart(const store::ObjectInfo& source,
                                       store::ByteRange range,
                                       const std::string& key,
                                       const std::string& upload_id,
                                       std::uint32_t number, Deadline deadline);
  Parameters CopySource(const store::ObjectInfo& source) const;

  const std::shared_ptr<S3Client> client_;
  const std::string bucket_;
  const std::string prefix_;
};

Error DataLoss(std::string_view why) {
  return {ErrorCode::kDataLoss, std::string(why)};
}

Result<Operation> S3ObjectStore::For(std::string method,
                                     const std::string& key) const {
  Operation operation;
  operation.method = std::move(method);
  operation.bucket = bucket_;
  operation.key = prefix_ + key;
  // Without a key the request would be one to the bucket.
  if (key.empty()) {
    return Error{ErrorCode::kInvalidArgument, "an object needs a key"};
  }
  if (operation.key.size() > kKeyBytesMax) {
    return Error{ErrorCode::kInvalidArgument,
                 "key of " + std::to_string(operation.key.size()) +
                     " bytes: S3 takes at most 1,024"};
  }
  return operation;
}

// A failed If-None-Match means that the key exists.
Error AsExists(Error error, bool if_none_match) {
  if (if_none_match && error.code == ErrorCode::kFailedPrecondition) {
    error.code = ErrorCode::kAlreadyExists;
  }
  return error;
}

// For what is wrong with a successful answer.
Error S3ObjectStore::Wrong(const Operation& operation, Error error) const {
  return error.Wrap("object " + JsonQuote(operation.key) + " in bucket \"" +
                    bucket_ + "\" at " + client_->endpoint());
}

// Checks that the bytes in `out` are those that were asked for.
Result<std::size_t> CheckedBytes(const Answer& answer, store::ByteRange asked,
                                 const std::string& etag) {
  if (!etag.empty() && answer.headers.Get("ETag") != etag) {
    return Error{ErrorCode::kFailedPrecondition,
                 "it is not the version that was asked for"};
  }
  const std::string_view field = answer.headers.Get("Content-Range");
  if (field.empty()) {
    // The whole object, as servers may answer. FetchInto has seen to it that
    // it fits, so only the offset can be wrong.
    if (asked.offset == 0) return answer.out_bytes;
    return DataLoss("the server ignores ranges");
  }
  const auto got = ParseContentRange(field);
  if (!got) return DataLoss("Content-Range of the answer makes no sense");
  if (got->range.offset != asked.offset ||
      got->range.size != answer.out_bytes) {
    return DataLoss("the server sent another range than was asked for");
  }
  if (answer.out_bytes < asked.size && got->range.end() != got->total_bytes) {
    return DataLoss("the server sent less than there is");
  }
  return answer.out_bytes;
}

Result<std::size_t> S3ObjectStore::Get(const std::string& key,
                                       const std::string& etag,
                                       store::ByteRange range,
                                       std::span<std::byte> out,
                                       Deadline deadline) {
  DS_CHECK(out.size() == range.size);
  DS_ASSIGN_OR_RETURN(Operation operation, For("GET", key));
  // No range has no bytes.
  if (range.size == 0) return std::size_t{0};
  operation.headers.emplace_back("Range",
                                 "bytes=" + std::to_string(range.offset) + "-" +
                                     std::to_string(range.end() - 1));
  if (!etag.empty()) operation.headers.emplace_back("If-Match", etag);
  operation.out = out;
  auto answer = client_->impl().Run(operation, deadline);
  if (!answer.ok()) {
    if (answer.error().code == ErrorCode::kOutOfRange) return std::size_t{0};
    return std::move(answer).error();
  }
  auto bytes = CheckedBytes(*answer, range, etag);
  if (!bytes.ok()) return Wrong(operation, std::move(bytes).error());
  return bytes;
}

// `etag` empty: that of the answer's header.
Result<store::ObjectInfo> S3ObjectStore::InfoOf(
    const std::string& key, std::uint64_t size, const std::string& etag,
    const Answer& answer, const Operation& operation) const {
  store::ObjectInfo info{key, size, etag, {}};
  if (etag.empty()) info.etag = answer.headers.Get("ETag");
  if (info.etag.empty()) {
    return Wrong(operation, DataLoss("the answer has no ETag"));
  }
  // A write is as old as its answer: S3 sends no Last-Modified with it.
  auto modified = ParseHttpDate(answer.headers.Get("Last-Modified"));
  if (!modified) modified = ParseHttpDate(answer.headers.Get("Date"));
  info.modified = modified.value_or(std::chrono::floor<std::chrono::seconds>(
      client_->impl().clock().WallNow()));
  return info;
}

Result<store::ObjectInfo> S3ObjectStore::Head(const std::string& key,
                                              Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Operation operation, For("HEAD", key));
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  const auto size =
      ParseInt(answer.headers.Get("Content-Length"), 0, INT64_MAX);
  if (!size) return Wrong(operation, DataLoss("the answer has no length"));
  if (!ParseHttpDate(answer.headers.Get("Last-Modified"))) {
    return Wrong(operation, DataLoss("the answer has no time"));
  }
  return InfoOf(key, static_cast<std::uint64_t>(*size), {}, answer, operation);
}

// Makes keys relative to the store's prefix. What is not below it, which no
// server may send, and the prefix itself, which has no name here, are left out.
void Rebase(store::ListPage& page, const std::string& prefix,
            const std::string& asked) {
  const auto is_foreign = [&](const std::string& key) {
    return key.size() <= prefix.size() || !key.starts_with(asked);
  };
  std::erase_if(page.objects, [&](const store::ObjectInfo& object) {
    return is_foreign(object.key);
  });
  std::erase_if(page.prefixes, is_foreign);
  for (auto& object : page.objects) object.key.erase(0, prefix.size());
  for (auto& key : page.prefixes) key.erase(0, prefix.size());
  // General purpose buckets list in order already.
  if (!std::ranges::is_sorted(page.objects, {}, &store::ObjectInfo::key)) {
    std::ranges::sort(page.objects, {}, &store::ObjectInfo::key);
  }
  if (!std::ranges::is_sorted(page.prefixes)) std::ranges::sort(page.prefixes);
}

Result<store::ListPage> S3ObjectStore::List(const store::ListRequest& request,
                                            Deadline deadline) {
  Operation operation;
  operation.bucket = bucket_;
  operation.body_bytes_max = kListBytesMax;
  operation.query = {{"list-type", "2"},
                     {"encoding-type", "url"},
                     {"prefix", prefix_ + request.prefix},
                     {"max-keys", std::to_string(request.keys_max)}};
  const auto add = [&](const char* name, const std::string& value) {
    if (!value.empty()) operation.query.emplace_back(name, value);
  };
  add("delimiter", request.delimiter);
  add("continuation-token", request.continuation);
  if (!request.start_after.empty()) {
    add("start-after", prefix_ + request.start_after);
  }
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto page = ParseListPage(answer.body);
  if (page.ok() && !page->continuation.empty() &&
      page->continuation == request.continuation) {
    page = DataLoss("the listing does not get on");
  }
  if (!page.ok()) {
    return page.error().Wrap("list bucket \"" + bucket_ + "\" at " +
                             client_->endpoint());
  }
  Rebase(*page, prefix_, prefix_ + request.prefix);
  return page;
}

Result<store::ObjectInfo> S3ObjectStore::Put(const std::string& key,
                                             std::span<const std::byte> body,
                                             const store::PutOptions& options,
                                             Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("PUT", key));
  operation.body = AsText(body);
  if (!options.content_type.empty()) {
    operation.headers.emplace_back("Content-Type", options.content_type);
  }
  if (options.if_none_match) {
    operation.headers.emplace_back("If-None-Match", "*");
    // After a lost answer, a second try would meet the object of the first.
    operation.idempotent = false;
  }
  auto answer = client_->impl().Run(operation, deadline);
  if (!answer.ok()) {
    return AsExists(std::move(answer).error(), options.if_none_match);
  }
  return InfoOf(key, body.size(), {}, *answer, operation);
}

Result<std::string> S3ObjectStore::CreateUpload(
    const std::string& key, const store::PutOptions& options,
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("POST", key));
  operation.query = {{"uploads", ""}};
  if (!options.content_type.empty()) {
    operation.headers.emplace_back("Content-Type", options.content_type);
  }
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto id = ParseUploadId(answer.body);
  if (!id.ok()) return Wrong(operation, std::move(id).error());
  return id;
}

Result<store::UploadedPart> S3ObjectStore::UploadPart(
    const std::string& key, const std::string& upload_id, std::uint32_t number,
    std::span<const std::byte> body, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("PUT", key));
  operation.query = {{"partNumber", std::to_string(number)},
                     {"uploadId", upload_id}};
  operation.body = AsText(body);
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  std::string etag(answer.headers.Get("ETag"));
  if (etag.empty()) {
    return Wrong(operation, DataLoss("the answer has no ETag"));
  }
  return store::UploadedPart{number, std::move(etag)};
}

Result<store::ObjectInfo> S3ObjectStore::CompleteUpload(
    const std::string& key, const std::string& upload_id,
    const std::vector<store::UploadedPart>& parts,
    const store::PutOptions& options, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("POST", key));
  const std::string body = FormatCompleteUpload(parts);
  operation.query = {{"uploadId", upload_id}};
  operation.headers = {{"Content-Type", "application/xml"}};
  operation.body = body;
  operation.error_in_success = true;
  if (options.if_none_match) {
    operation.headers.emplace_back("If-None-Match", "*");
  }
  auto answer = client_->impl().Run(operation, deadline);
  if (answer.ok()) {
    if (auto written = ParseWritten(answer->body); !written.ok()) {
      return Wrong(operation, std::move(written).error());
    }
    // The answer knows neither size nor time.
    return Head(key, deadline);
  }
  // A try whose answer was lost may have completed it: the upload is gone then,
  // and the object has the ETag that its parts give.
  if (answer.error().code == ErrorCode::kNotFound ||
      answer.error().code == ErrorCode::kFailedPrecondition) {
    auto head = Head(key, deadline);
    if (head.ok() && head->etag == MultipartEtag(parts)) return head;
  }
  return AsExists(std::move(answer).error(), options.if_none_match);
}

Status S3ObjectStore::AbortUpload(const std::string& key,
                                  const std::string& upload_id,
                                  Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("DELETE", key));
  operation.query = {{"uploadId", upload_id}};
  auto answer = client_->impl().Run(operation, deadline);
  if (answer.ok() || answer.error().code == ErrorCode::kNotFound) {
    return OkStatus();
  }
  return std::move(answer).error();
}

Status S3ObjectStore::Delete(const std::string& key, Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const Operation operation, For("DELETE", key));
  auto answer = client_->impl().Run(operation, deadline);
  if (answer.ok()) return OkStatus();
  return std::move(answer).error();
}

Parameters S3ObjectStore::CopySource(const store::ObjectInfo& source) const {
  return {{"x-amz-copy-source",
           "/" + bucket_ + "/" +
               UriEncode(prefix_ + source.key, /*keep_slash=*/true)},
          {"x-amz-copy-source-if-match", source.etag}};
}

Result<store::ObjectInfo> S3ObjectStore::Copy(const std::string& source_key,
                                              const std::string& source_etag,
                                              const std::string& key,
                                              Deadline deadline) {
  // The size decides how to copy, and the answers do not tell it.
  DS_ASSIGN_OR_RETURN(const store::ObjectInfo source,
                      Head(source_key, deadline));
  if (!source_etag.empty() && source.etag != source_etag) {
    return Error{ErrorCode::kFailedPrecondition,
                 "copy object " + JsonQuote(prefix_ + source_key) +
                     " in bucket \"" + bucket_ + "\": it has changed"};
  }
  if (source.size > kCopyBytesMax) return CopyByPart(source, key, deadline);
  return CopyAtOnce(source, key, deadline);
}

Result<store::ObjectInfo> S3ObjectStore::CopyAtOnce(
    const store::ObjectInfo& source, const std::string& key,
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("PUT", key));
  operation.headers = CopySource(source);
  operation.error_in_success = true;
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto written = ParseWritten(answer.body);
  if (!written.ok()) return Wrong(operation, std::move(written).error());
  DS_ASSIGN_OR_RETURN(
      store::ObjectInfo info,
      InfoOf(key, source.size, written->etag, answer, operation));
  if (written->modified) info.modified = *written->modified;
  return info;
}

Result<store::UploadedPart> S3ObjectStore::CopyPart(
    const store::ObjectInfo& source, store::ByteRange range,
    const std::string& key, const std::string& upload_id, std::uint32_t number,
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(Operation operation, For("PUT", key));
  operation.query = {{"partNumber", std::to_string(number)},
                     {"uploadId", upload_id}};
  operation.headers = CopySource(source);
  operation.headers.emplace_back("x-amz-copy-source-range",
                                 "bytes=" + std::to_string(range.offset) + "-" +
                                     std::to_string(range.end() - 1));
  operation.error_in_success = true;
  DS_ASSIGN_OR_RETURN(const Answer answer,
                      client_->impl().Run(operation, deadline));
  auto written = ParseWritten(answer.body);
  if (!written.ok()) return Wrong(operation, std::move(written).error());
  return store::UploadedPart{number, written->etag};
}

Result<store::ObjectInfo> S3ObjectStore::CopyByPart(
    const store::ObjectInfo& source, const std::string& key,
    Deadline deadline) {
  DS_ASSIGN_OR_RETURN(const std::string id, CreateUpload(key, {}, deadline));
  std::vector<store::UploadedPart> parts;
  for (const store::ByteRange& range : PlanCopyParts(source.size)) {
    const auto number = static_cast<std::uint32_t>(parts.size() + 1);
    auto part = CopyPart(source, range, key, id, number, deadline);
    if (!part.ok()) {
      // Best effort: the error that counts is the one of the part.
      (void)AbortUpload(key, id, Deadline::After(kAbortTimeout).Min(deadline));
      return std::move(part).error();
    }
    parts.push_back(std::move(part).value());
  }
  return CompleteUpload(key, id, parts, {}, deadline);
}

}  // namespace

Result<std::shared_ptr<store::ObjectStore>> MakeObjectStore(
    std::shared_ptr<S3Client> client, std::string bucket, std::string prefix) {
  DS_RETURN_IF_ERROR(CheckBucketName(bucket));
  if (!prefix.empty() && (!prefix.ends_with('/') || prefix.starts_with('/'))) {
    return Error{ErrorCode::kInvalidArgument,
                 "prefix " + JsonQuote(prefix) +
                     " has no '/' at its end or one at its start"};
  }
  return std::shared_ptr<store::ObjectStore>(std::make_shared<S3ObjectStore>(
      std::move(client), std::move(bucket), std::move(prefix)));
}

}  // namespace datashim::s3
