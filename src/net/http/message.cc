#include "net/http/message.h"

#include "base/text.h"

namespace millrace::http {

const std::string* FindHeader(const Headers& headers, std::string_view name) {
  std::string wanted = ToLower(name);
  for (const auto& [key, value] : headers) {
    if (ToLower(key) == wanted) return &value;
  }
  return nullptr;
}

std::string ToString(const Exchange& exchange) {
  std::string text = exchange.method + " " + exchange.url + " ";
  text += exchange.error.empty() ? std::to_string(exchange.status) : exchange.error;
  return text + " " + FormatBytes(exchange.bytes) + " " + FormatDuration(exchange.duration) +
         " attempt " + std::to_string(exchange.attempt);
}

}  // namespace millrace::http
