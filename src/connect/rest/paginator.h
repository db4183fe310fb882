// How a page leads to the next one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/status.h"
#include "config/json.h"
#include "config/json_path.h"
#include "connect/rest/config.h"
#include "net/http/message.h"

namespace millrace::rest {

// What a page tells of the next one.
struct PageAnswer {
  const http::Response* response = nullptr;
  const std::string* beside = nullptr;  // the document without its records; "" when unknown
  const std::string* last = nullptr;    // record
  int64_t records = 0;
  int64_t number = 0;  // of the page, from 0
};

// Without state of its own: the state of a pagination is a text, as the stage keeps it.
class Paginator {
 public:
  static Result<Paginator> Make(const PaginatorConfig& config);

  std::string First() const;
  // Puts the page into the request. `body` is the JSON body, where there is one.
  Status Apply(const std::string& state, http::Request& request, Json& body) const;
  // The state of the next request; nullopt: that was the last page.
  Result<std::optional<std::string>> Next(const std::string& state, const PageAnswer& page) const;

 private:
  Result<std::optional<std::string>> NextByCursor(const PageAnswer& page) const;
  Result<std::optional<std::string>> NextUrl(const PageAnswer& page) const;
  Result<std::optional<std::string>> Counted(int64_t at, const PageAnswer& page) const;

  PaginatorConfig config_;
  JsonPath cursor_, total_;
};

// The target of rel="next" in a Link header (RFC 8288), or "".
std::string NextLink(const http::Headers& headers);

}  // namespace millrace::rest
