#include "net/http_message.h"

#include "base/strings.h"

namespace datashim::net {

std::string_view HttpHeaders::Get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreCase(field.first, name)) return field.second;
  }
  return {};
}

bool HttpHeaders::Has(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreCase(field.first, name)) return true;
  }
  return false;
}

}  // namespace datashim::net
