#include "base/strings.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace datashim {
namespace {

constexpr std::string_view kHexLower = "0123456789abcdef";
constexpr std::string_view kHexUpper = "0123456789ABCDEF";
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

unsigned char Byte(char c) { return static_cast<unsigned char>(c); }

bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' ||
         c == '\v';
}

char LowerChar(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 if there
// is none (Unicode 15, table 3-7).
std::size_t Utf8Length(std::string_view text) {
  const unsigned char lead = Byte(text[0]);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char second_min = 0x80;
  unsigned char second_max = 0xBF;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    if (lead == 0xE0) second_min = 0xA0;
    if (lead == 0xED) second_max = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    if (lead == 0xF0) second_min = 0x90;
    if (lead == 0xF4) second_max = 0x8F;
  }
  if (length == 0 || text.size() < length) return 0;
  const unsigned char second = Byte(text[1]);
  if (second < second_min || second > second_max) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((Byte(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (true) {
    const std::size_t end = text.find(separator, begin);
    if (end == std::string_view::npos) break;
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::string Join(const std::vector<std::string>& parts,
                 std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) joined.append(separator);
    joined.append(part);
  }
  return joined;
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string ToLower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerChar);
  return lower;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return LowerChar(x) == LowerChar(y);
  });
}

std::optional<std::int64_t> ParseInt(std::string_view text, std::int64_t min,
                                     std::int64_t max) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || (digits.size() > 1 && digits[0] == '0')) return {};
  if (text == "-0") return {};
  std::int64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  if (value < min || value > max) return {};
  return value;
}

std::optional<bool> ParseBool(std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue = {"1",    "t",    "T",
                                                     "TRUE", "true", "True"};
  constexpr std::array<std::string_view, 6> kFalse = {
      "0", "f", "F", "FALSE", "false", "False"};
  if (std::find(kTrue.begin(), kTrue.end(), text) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), text) != kFalse.end()) {
    return false;
  }
  return {};
}

std::string JsonQuote(std::string_view text) {
  std::string quoted = "\"";
  while (!text.empty()) {
    const std::size_t length = Utf8Length(text);
    const char c = text[0];
    if (length == 0) {
      quoted.append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      quoted.append({'\\', c});
    } else if (Byte(c) < 0x20 || c == 0x7F) {
      quoted.append("\\u00");
      quoted.push_back(kHexLower[Byte(c) >> 4]);
      quoted.push_back(kHexLower[Byte(c) & 0xF]);
    } else {
      quoted.append(text.substr(0, length));
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  quoted.push_back('"');
  return quoted;
}

std::string HexEncode(std::string_view bytes) {
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    hex.push_back(kHexLower[Byte(c) >> 4]);
    hex.push_back(kHexLower[Byte(c) & 0xF]);
  }
  return hex;
}

std::string Base64Encode(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = static_cast<std::uint32_t>(Byte(group[0])) << 16;
    if (group.size() > 1)
      bits |= static_cast<std::uint32_t>(Byte(group[1])) << 8;
    if (group.size() > 2) bits |= Byte(group[2]);
    text.push_back(kBase64[bits >> 18]);
    text.push_back(kBase64[(bits >> 12) & 63]);
    text.push_back(group.size() > 1 ? kBase64[(bits >> 6) & 63] : '=');
    text.push_back(group.size() > 2 ? kBase64[bits & 63] : '=');
  }
  return text;
}

std::optional<std::string> Base64Decode(std::string_view text) {
  std::string bytes;
  std::uint32_t bits = 0;
  int digits = 0;
  int padding = 0;
  for (const char c : text) {
    if (IsSpace(c)) continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t value = kBase64.find(c);
    if (value == std::string_view::npos || padding > 0) return {};
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    if (++digits == 4) {
      bytes.push_back(static_cast<char>(bits >> 16));
      bytes.push_back(static_cast<char>((bits >> 8) & 0xFF));
      bytes.push_back(static_cast<char>(bits & 0xFF));
      bits = 0;
      digits = 0;
    }
  }
  if (digits == 0) return padding == 0 ? std::optional(bytes) : std::nullopt;
  if (digits == 1 || digits + padding != 4) return {};
  // The bits that the last digit has too many must be zero, or two texts
  // would stand for the same bytes.
  if (digits == 2) {
    if ((bits & 0xF) != 0) return {};
    bytes.push_back(static_cast<char>(bits >> 4));
  } else {
    if ((bits & 0x3) != 0) return {};
    bytes.push_back(static_cast<char>(bits >> 10));
    bytes.push_back(static_cast<char>((bits >> 2) & 0xFF));
  }
  return bytes;
}

std::string UriEncode(std::string_view text, bool keep_slash) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' ||
                            c == '_' || c == '~';
    if (unreserved || (c == '/' && keep_slash)) {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kHexUpper[Byte(c) >> 4]);
      encoded.push_back(kHexUpper[Byte(c) & 0xF]);
    }
  }
  return encoded;
}

}  // namespace datashim
