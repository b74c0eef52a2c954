// Text helpers that the standard library lacks. All pure.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace datashim {

/// "a..b" split at '.' is {"a", "", "b"}; "" is {""}.
std::vector<std::string_view> Split(std::string_view text, char separator);

std::string Join(const std::vector<std::string>& parts,
                 std::string_view separator);

std::string_view TrimSpace(std::string_view text);

std::string ToLower(std::string_view text);

bool EqualsIgnoreCase(std::string_view a, std::string_view b);

/// A canonical decimal in [min, max]: no sign but '-', no leading zero, no
/// spaces, so that "00" cannot alias 0.
std::optional<std::int64_t> ParseInt(std::string_view text, std::int64_t min,
                                     std::int64_t max);

/// What Go's strconv.ParseBool takes: 1 t T TRUE true True 0 f F FALSE false
/// False. Upstream's Dataset keys have these values.
std::optional<bool> ParseBool(std::string_view text);

/// The text as a JSON string with its quotes. Bytes that are no UTF-8 become
/// U+FFFD, control characters \u00XX.
std::string JsonQuote(std::string_view text);

/// Lower-case hex of the bytes.
std::string HexEncode(std::string_view bytes);

/// RFC 4648 with padding.
std::string Base64Encode(std::string_view bytes);
/// nullopt for anything but canonical RFC 4648; ignores ASCII white space.
std::optional<std::string> Base64Decode(std::string_view text);

/// RFC 3986: everything but A-Z a-z 0-9 - . _ ~ becomes %XX. '/' stays when
/// `keep_slash`. This is also the encoding that SigV4 wants.
std::string UriEncode(std::string_view text, bool keep_slash);

}  // namespace datashim
