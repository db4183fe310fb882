#include "net/ucan/dag_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"

namespace millrace::ucan {

namespace {

constexpr int kMaxDepth = 64;

class Writer {
 public:
  Status Write(const ipld::Value& value, int depth) {
    if (depth > kMaxDepth) return Invalid("lists and maps more than 64 deep");
    return std::visit([&](const auto& held) { return WriteHeld(held, depth); }, value.held());
  }

  std::string text;

 private:
  Status Plain(std::string_view piece) {
    text += piece;
    return Status::Ok();
  }
  Status WriteHeld(std::nullptr_t, int) { return Plain("null"); }
  Status WriteHeld(bool value, int) { return Plain(value ? "true" : "false"); }
  Status WriteHeld(int64_t value, int) { return Plain(std::to_string(value)); }
  Status WriteHeld(double, int) { return Invalid("a number with a fraction in a UCAN"); }
  Status WriteHeld(const std::string& value, int) { return Plain(JsonText(value)); }
  Status WriteHeld(const ipld::Cid& cid, int) {
    return Plain("{\"/\":" + JsonText(cid.Text()) + "}");
  }
  Status WriteHeld(const ipld::Bytes& bytes, int) {
    std::string base64 = Base64(bytes.bytes);
    while (base64.ends_with('=')) base64.pop_back();
    return Plain("{\"/\":{\"bytes\":\"" + base64 + "\"}}");
  }

  Status WriteHeld(const ipld::List& list, int depth) {
    text += '[';
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0) text += ',';
      TRY(Write(list[i], depth + 1));
    }
    return Plain("]");
  }

  Status WriteHeld(const ipld::Map& map, int depth) {
    std::vector<const ipld::Map::value_type*> entries;
    for (const auto& entry : map) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](auto* a, auto* b) { return a->first < b->first; });
    text += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      if (i > 0 && entries[i]->first == entries[i - 1]->first) return Invalid("a key twice");
      if (i > 0) text += ',';
      text += JsonText(entries[i]->first) + ":";
      TRY(Write(entries[i]->second, depth + 1));
    }
    return Plain("}");
  }
};

}  // namespace

std::string JsonText(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Result<std::string> WriteDagJson(const ipld::Value& value) {
  Writer writer;
  TRY(writer.Write(value, 0));
  return std::move(writer.text);
}

}  // namespace millrace::ucan
