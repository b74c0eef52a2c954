#include "s3/xml.h"

#include <algorithm>
#include <pugixml.hpp>
#include <sstream>
#include <utility>

#include "base/strings.h"
#include "s3/http_date.h"

namespace datashim::s3 {
namespace {

constexpr std::size_t kMessageBytesMax = 256;
constexpr std::size_t kCodeBytesMax = 64;

Error Malformed(std::string_view why) {
  return {ErrorCode::kDataLoss,
          "the answer is not what S3 sends: " + std::string(why)};
}

// The root element. pugixml neither loads DTDs
// nor expands entities of them, and does not recurse while it parses.
Result<pugi::xml_node> Root(pugi::xml_document& document, std::string_view xml,
                            std::string_view expected) {
  const auto parsed = document.load_buffer(
      xml.data(), xml.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed) return Malformed(std::string("XML: ") + parsed.description());
  const pugi::xml_node root = document.document_element();
  if (!expected.empty() && root.name() != expected) {
    return Malformed("there is no <" + std::string(expected) + ">");
  }
  return root;
}

// What a server says ends in logs and events.
std::string Printable(std::string_view text, std::size_t bytes_max) {
  std::string printable(text.substr(0, bytes_max));
  std::ranges::replace_if(
      printable, [](char c) { return c < ' ' || c > '~'; }, '?');
  return printable;
}

Result<std::string> DecodeKey(std::string_view text, bool encoded) {
  if (!encoded) return std::string(text);
  auto decoded = UrlDecode(text);
  if (!decoded) return Malformed("a key is not URL-encoded");
  return *std::move(decoded);
}

Result<store::ObjectInfo> ParseObject(const pugi::xml_node& node,
                                      bool encoded) {
  store::ObjectInfo object;
  DS_ASSIGN_OR_RETURN(object.key, DecodeKey(node.child_value("Key"), encoded));
  object.etag = node.child_value("ETag");
  const auto size = ParseInt(node.child_value("Size"), 0, INT64_MAX);
  const auto modified = ParseIsoDate(node.child_value("LastModified"));
  if (object.key.empty()) return Malformed("an object has no key");
  if (object.etag.empty()) return Malformed("an object has no ETag");
  if (!size) return Malformed("an object has no size");
  if (!modified) return Malformed("an object has no time");
  object.size = static_cast<std::uint64_t>(*size);
  object.modified = *modified;
  return object;
}

}  // namespace

std::optional<std::string> UrlDecode(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
  };
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    if (i + 2 >= text.size()) return std::nullopt;
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

std::optional<ErrorBody> ParseError(std::string_view xml) {
  pugi::xml_document document;
  const auto root = Root(document, xml, "Error");
  if (!root.ok()) return std::nullopt;
  ErrorBody error;
  error.code = root->child_value("Code");
  if (error.code.empty() || error.code.size() > kCodeBytesMax ||
      !std::ranges::all_of(error.code, [](char c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
               (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
      })) {
    return std::nullopt;
  }
  error.message = Printable(root->child_value("Message"), kMessageBytesMax);
  error.region = Printable(root->child_value("Region"), kCodeBytesMax);
  return error;
}

Result<store::ListPage> ParseListPage(std::string_view xml) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root,
                      Root(document, xml, "ListBucketResult"));
  const bool encoded =
      std::string_view(root.child_value("EncodingType")) == "url";
  store::ListPage page;
  for (const pugi::xml_node node : root.children("Contents")) {
    DS_ASSIGN_OR_RETURN(auto object, ParseObject(node, encoded));
    page.objects.push_back(std::move(object));
  }
  for (const pugi::xml_node node : root.children("CommonPrefixes")) {
    DS_ASSIGN_OR_RETURN(auto prefix,
                        DecodeKey(node.child_value("Prefix"), encoded));
    if (prefix.empty()) return Malformed("a common prefix is empty");
    page.prefixes.push_back(std::move(prefix));
  }
  const auto truncated = ParseBool(root.child_value("IsTruncated"));
  if (!truncated) return Malformed("there is no <IsTruncated>");
  if (*truncated) {
    page.continuation = root.child_value("NextContinuationToken");
    if (page.continuation.empty()) {
      return Malformed("there is more, but no <NextContinuationToken>");
    }
  }
  return page;
}

Result<std::string> ParseUploadId(std::string_view xml) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root,
                      Root(document, xml, "InitiateMultipartUploadResult"));
  std::string id = root.child_value("UploadId");
  if (id.empty()) return Malformed("there is no <UploadId>");
  return id;
}

Result<Written> ParseWritten(std::string_view xml) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, xml, ""));
  Written written;
  written.etag = root.child_value("ETag");
  if (written.etag.empty()) return Malformed("there is no <ETag>");
  written.modified = ParseIsoDate(root.child_value("LastModified"));
  return written;
}

Result<VersionPage> ParseVersionPage(std::string_view xml) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root, Root(document, xml, ""));
  const std::string_view name = root.name();
  if (name != "ListVersionsResult" && name != "ListBucketResult" &&
      name != "ListMultipartUploadsResult") {
    return Malformed("it is no list");
  }
  const bool encoded =
      std::string_view(root.child_value("EncodingType")) == "url";
  VersionPage page;
  for (const pugi::xml_node node : root.children()) {
    const std::string_view kind = node.name();
    const bool is_upload = kind == "Upload";
    if (!is_upload && kind != "Version" && kind != "DeleteMarker" &&
        kind != "Contents") {
      continue;
    }
    ObjectVersion version;
    DS_ASSIGN_OR_RETURN(version.key,
                        DecodeKey(node.child_value("Key"), encoded));
    version.id = node.child_value(is_upload ? "UploadId" : "VersionId");
    if (version.key.empty()) return Malformed("an object has no key");
    if (is_upload && version.id.empty()) {
      return Malformed("an upload has no <UploadId>");
    }
    page.entries.push_back(std::move(version));
  }
  return page;
}

Result<std::vector<DeleteError>> ParseDeleteErrors(std::string_view xml) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root,
                      Root(document, xml, "DeleteResult"));
  std::vector<DeleteError> errors;
  for (const pugi::xml_node node : root.children("Error")) {
    errors.push_back(
        {node.child_value("Key"),
         {.code = Printable(node.child_value("Code"), kCodeBytesMax),
          .message = Printable(node.child_value("Message"), kMessageBytesMax),
          .region = ""}});
  }
  return errors;
}

Result<std::string> ParseTag(std::string_view xml, std::string_view key) {
  pugi::xml_document document;
  DS_ASSIGN_OR_RETURN(const pugi::xml_node root,
                      Root(document, xml, "Tagging"));
  for (const pugi::xml_node tag : root.child("TagSet").children("Tag")) {
    if (tag.child_value("Key") == key) {
      return std::string(tag.child_value("Value"));
    }
  }
  return std::string();
}

std::string FormatDelete(const std::vector<ObjectVersion>& versions) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("Delete");
  root.append_child("Quiet").text().set("true");
  for (const ObjectVersion& version : versions) {
    pugi::xml_node node = root.append_child("Object");
    node.append_child("Key").text().set(version.key.c_str());
    if (version.id.empty()) continue;
    node.append_child("VersionId").text().set(version.id.c_str());
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

std::string FormatTag(const std::string& key, const std::string& value) {
  pugi::xml_document document;
  pugi::xml_node tag =
      document.append_child("Tagging").append_child("TagSet").append_child(
          "Tag");
  tag.append_child("Key").text().set(key.c_str());
  tag.append_child("Value").text().set(value.c_str());
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

std::string FormatCompleteUpload(
    const std::vector<store::UploadedPart>& parts) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("CompleteMultipartUpload");
  for (const store::UploadedPart& part : parts) {
    pugi::xml_node node = root.append_child("Part");
    node.append_child("PartNumber").text().set(part.number);
    node.append_child("ETag").text().set(part.etag.c_str());
  }
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

std::string FormatCreateBucket(std::string_view region) {
  pugi::xml_document document;
  document.append_child("CreateBucketConfiguration")
      .append_child("LocationConstraint")
      .text()
      .set(std::string(region).c_str());
  std::ostringstream out;
  document.save(out, "", pugi::format_raw | pugi::format_no_declaration);
  return std::move(out).str();
}

}  // namespace datashim::s3
