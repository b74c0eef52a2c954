#include "csi/request_log.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/reflection.h>

#include <chrono>
#include <memory>
#include <vector>

#include "base/log.h"
#include "csi.pb.h"
#include "dataset/pod_identity.h"

namespace datashim::csi {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr char kHidden[] = "***";
constexpr std::size_t kLogTextBytesMax = 4096;

void HideSecrets(Message& message);

// A map<string, string> field is, to reflection, a repeated field of entries
// with the fields key (1) and value (2).
void HideField(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_map()) return reflection.ClearField(&message, &field);
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    Message* const entry =
        reflection.MutableRepeatedMessage(&message, &field, i);
    entry->GetReflection()->SetString(entry, field.message_type()->map_value(),
                                      kHidden);
  }
}

// The kubelet puts tokens of pods into the volume's context, which is no secret
// by its declaration.
void HideTokens(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* const key = field.message_type()->map_key();
  const FieldDescriptor* const value = field.message_type()->map_value();
  if (key->cpp_type() != FieldDescriptor::CPPTYPE_STRING ||
      value->cpp_type() != FieldDescriptor::CPPTYPE_STRING) {
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    Message* const entry =
        reflection.MutableRepeatedMessage(&message, &field, i);
    if (entry->GetReflection()->GetString(*entry, key) == dataset::kTokensKey) {
      entry->GetReflection()->SetString(entry, value, kHidden);
    }
  }
}

void HideSecretsBelow(Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    return HideSecrets(*reflection.MutableMessage(&message, &field));
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    HideSecrets(*reflection.MutableRepeatedMessage(&message, &field, i));
  }
}

void HideSecrets(Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  for (const FieldDescriptor* const field : fields) {
    if (field->options().GetExtension(::csi::v1::csi_secret)) {
      HideField(message, *field);
    } else if (field->is_map()) {
      HideTokens(message, *field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      HideSecretsBelow(message, *field);
    }
  }
}

}  // namespace

std::string LogText(const Message& message) {
  const std::unique_ptr<Message> copy(message.New());
  copy->CopyFrom(message);
  HideSecrets(*copy);
  std::string text = copy->ShortDebugString();
  if (text.size() > kLogTextBytesMax) text.resize(kLogTextBytesMax);
  return text;
}

void LogRequest(std::string_view method, const Message& request,
                MonotonicTime started_at, const Status& result) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
      SystemClock().Now() - started_at);
  const std::string ms = std::to_string(took.count());
  if (result.ok()) {
    log::Debug("CSI request", {{"method", std::string(method)},
                               {"request", LogText(request)},
                               {"ms", ms}});
    return;
  }
  log::Warn("CSI request failed",
            {{"method", std::string(method)},
             {"request", LogText(request)},
             {"ms", ms},
             {"code", std::string(ErrorCodeName(result.error().code))},
             {"error", result.error().message}});
}

}  // namespace datashim::csi
