#include "connect/rest/paginator.h"

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "net/http/url.h"

namespace millrace::rest {

namespace {

// Where APIs put the next address: looked at in this order by `auto`.
constexpr const char* kUsualNext[] = {
    "next",        "next_url",        "next_page_url",       "'@odata.nextLink'", "'@nextLink'",
    "nextLink",    "links.next",      "_links.next",         "_links.next.href",  "links.next.href",
    "paging.next", "pagination.next", "pagination.next_url", "meta.next",         "info.next"};

std::string State(const char* key, const Json& value) { return Json{{key, value}}.dump(); }

bool LooksLikeUrl(const std::string& text) {
  return text.starts_with("http://") || text.starts_with("https://") || text.starts_with('/') ||
         text.starts_with('?');
}

// A number as text as others write it: 12, "abc".
std::optional<std::string> AsText(const Json* value) {
  if (!value || value->is_null() || value->is_boolean()) return std::nullopt;
  if (value->is_string()) {
    const auto& text = value->get_ref<const std::string&>();
    return text.empty() ? std::nullopt : std::optional(text);
  }
  if (value->is_number()) return value->dump();
  return std::nullopt;
}

Result<Json> Beside(const PageAnswer& page) {
  if (page.beside->empty()) return Json();
  Json json = Json::parse(*page.beside, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return Invalid("what stands beside the records is not JSON");
  return json;
}

}  // namespace

std::string NextLink(const http::Headers& headers) {
  for (const auto& [name, value] : headers) {
    if (ToLower(name) != "link") continue;
    for (size_t at = value.find('<'); at != value.npos; at = value.find('<', at)) {
      size_t end = value.find('>', at);
      if (end == value.npos) break;
      std::string target = value.substr(at + 1, end - at - 1);
      size_t next = value.find('<', end);
      std::string parameters = ToLower(value.substr(end, next - end));
      size_t rel = parameters.find("rel=");
      if (rel != parameters.npos) {
        size_t stop = parameters.find_first_of(";,", rel);
        std::string relations = parameters.substr(rel + 4, stop - rel - 4);
        for (char& c : relations) {
          if (c == '"') c = ' ';
        }
        for (const std::string& each : Split(relations, ' ')) {
          if (each == "next") return target;
        }
      }
      if (next == value.npos) break;
      at = next;
    }
  }
  return "";
}

Result<Paginator> Paginator::Make(const PaginatorConfig& config) {
  Paginator made;
  made.config_ = config;
  PaginatorConfig& own = made.config_;
  auto usual = [](std::string& text, const char* standard) {
    if (text.empty()) text = standard;
  };
  if (own.type == PageType::kPage) {
    usual(own.param, "page");
    if (own.start < 0) own.start = 1;
    if (own.page_size) usual(own.size_param, "per_page");
  } else if (own.type == PageType::kOffset) {
    usual(own.param, "offset");
    usual(own.size_param, "limit");
    if (own.start < 0) own.start = 0;
    if (!own.page_size) own.page_size = 100;
  } else if (own.type == PageType::kCursor) {
    usual(own.param, "cursor");
    usual(own.cursor, "next_cursor");
  } else if (own.type == PageType::kNextUrl) {
    usual(own.cursor, "next");
  }
  made.cursor_ = TRY(JsonPath::Parse(own.cursor));
  made.total_ = TRY(JsonPath::Parse(own.total));
  return made;
}

std::string Paginator::First() const {
  if (config_.type == PageType::kPage || config_.type == PageType::kOffset)
    return State("at", config_.start);
  return "{}";
}

Status Paginator::Apply(const std::string& state, http::Request& request, Json& body) const {
  Json json = Json::parse(state, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Internal("'" + state + "' is not the state of a pagination");
  if (auto url = json.find("url"); url != json.end()) {
    // A whole address: it has the parameters in it already.
    request.url = url->get<std::string>();
    request.query.clear();
    return Status::Ok();
  }
  auto inject = [&](const std::string& name, const Json& value) {
    std::string text = value.is_string() ? value.get<std::string>() : value.dump();
    if (config_.inject_into == Inject::kHeader) {
      request.headers.emplace_back(name, text);
    } else if (config_.inject_into == Inject::kBody) {
      body[name] = value;
    } else {
      std::erase_if(request.query, [&](const auto& each) { return each.first == name; });
      request.query.emplace_back(name, text);
    }
  };
  if (config_.page_size && !config_.size_param.empty())
    inject(config_.size_param, *config_.page_size);
  if (auto at = json.find("at"); at != json.end()) inject(config_.param, *at);
  if (auto cursor = json.find("cursor"); cursor != json.end()) inject(config_.param, *cursor);
  return Status::Ok();
}

Result<std::optional<std::string>> Paginator::Next(const std::string& state,
                                                   const PageAnswer& page) const {
  switch (config_.type) {
    case PageType::kNone: return std::optional<std::string>();
    case PageType::kPage:
    case PageType::kOffset: {
      Json json = Json::parse(state, nullptr, /*allow_exceptions=*/false);
      return Counted(json.value("at", int64_t{0}), page);
    }
    case PageType::kCursor: return NextByCursor(page);
    default: return NextUrl(page);
  }
}

Result<std::optional<std::string>> Paginator::Counted(int64_t at, const PageAnswer& page) const {
  std::optional<std::string> none;
  if (page.records == 0) return none;
  bool by_page = config_.type == PageType::kPage;
  int64_t next = by_page ? at + 1 : at + page.records;
  if (!config_.total.empty()) {
    Json beside = TRY(Beside(page));
    const Json* total = total_.First(beside);
    std::optional<std::string> text = AsText(total);
    char* end = nullptr;
    int64_t count = text ? std::strtoll(text->c_str(), &end, 10) : 0;
    if (!text || *end != 0) {
      return Invalid("there is no number at '" + config_.total + "' in the answer",
                     "see `paginator.total`");
    }
    // Of pages: how many there are; of an offset: how many records.
    if (by_page ? at - config_.start + 1 >= count : next - config_.start >= count) return none;
    return std::optional(State("at", next));
  }
  // A page that is not full is the last one, where it is known how full they are.
  if (config_.page_size && page.records < *config_.page_size) return none;
  return std::optional(State("at", next));
}

Result<std::optional<std::string>> Paginator::NextByCursor(const PageAnswer& page) const {
  std::optional<std::string> none, value;
  if (config_.cursor.starts_with("last_record.")) {
    if (page.records == 0) return none;
    Json record = Json::parse(*page.last, nullptr, /*allow_exceptions=*/false);
    JsonPath path = TRY(JsonPath::Parse(config_.cursor.substr(12)));
    value = AsText(path.First(record));
  } else if (config_.cursor.starts_with("headers.")) {
    const std::string* header = http::FindHeader(page.response->headers, config_.cursor.substr(8));
    if (header && !header->empty()) value = *header;
  } else {
    if (page.beside->empty())
      return Invalid("the answer is too long beside its records to find the cursor in it");
    Json beside = TRY(Beside(page));
    value = AsText(cursor_.First(beside));
  }
  if (!value) return none;
  return std::optional(State("cursor", *value));
}

Result<std::optional<std::string>> Paginator::NextUrl(const PageAnswer& page) const {
  std::optional<std::string> none;
  std::string next;
  if (config_.type != PageType::kNextUrl) next = NextLink(page.response->headers);
  if (next.empty() && config_.type != PageType::kLink) {
    Json beside = TRY(Beside(page));
    if (config_.type == PageType::kNextUrl) {
      next = AsText(cursor_.First(beside)).value_or("");
    } else {
      for (const char* usual : kUsualNext) {
        JsonPath path = TRY(JsonPath::Parse(usual));
        std::string text = AsText(path.First(beside)).value_or("");
        if (LooksLikeUrl(text)) next = text;
        if (!next.empty()) break;
      }
    }
  }
  if (next.empty()) return none;
  Result<std::string> url = http::JoinUrl(page.response->url, next);
  if (!url.ok()) return url.status().In("the next page");
  http::UrlParts from = TRY(http::ParseUrl(page.response->url)), to = TRY(http::ParseUrl(*url));
  // A server that lists another host as its next page would be told who asks.
  if (from.scheme == "https" && to.scheme == "http")
    return Invalid("the next page is at " + http::ShownUrl(*url) + ", without encryption",
                   "if that is meant, use http from the start");
  if (from.host != to.host) {
    return Invalid("the next page is on another host: " + http::ShownUrl(*url),
                   "credentials are not sent there; if it is meant, use that host in `url`");
  }
  return std::optional(State("url", *url));
}

}  // namespace millrace::rest
