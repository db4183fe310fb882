#include "pipeline/check_session.h"

#include <utility>

#include "pipeline/ends.h"

namespace millrace {

CheckSession::CheckSession(CheckContext& context)
    : context_(context), cache_(context.schema_cache) {}

Result<Session*> CheckSession::Engine() {
  if (!session_) session_ = TRY(context_.engine.Open("validate", SessionUse::kDescribe));
  return session_.get();
}

Result<StatementNames> CheckSession::NamesIn(const std::string& sql) {
  if (std::optional<StatementNames> known = cache_.FindNames(sql)) return *std::move(known);
  Session* session = TRY(Engine());
  StatementNames names = TRY(session->NamesIn({sql}));
  cache_.AddNames(sql, names);
  return names;
}

void CheckSession::ReadAhead(const std::vector<std::string>& statements) {
  std::vector<Sql> unknown;
  for (const std::string& sql : statements) {
    if (!cache_.FindNames(sql)) unknown.push_back({sql});
  }
  if (unknown.empty()) return;
  Result<Session*> session = Engine();
  if (!session.ok()) return;  // NamesIn will say so
  std::vector<Result<StatementNames>> names = (*session)->NamesInEach(unknown);
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i].ok()) cache_.AddNames(unknown[i].text, *names[i]);
  }
}

Result<Description> CheckSession::Describe(const std::string& sql, const NamedShapes& shapes) {
  std::string key = KeyOf(sql, shapes);
  if (std::optional<Schema> known = cache_.FindSchema(key))
    return Description{*std::move(known), {}};
  TRY(Define(shapes));
  Session* session = TRY(Engine());
  Description description = TRY(session->Describe({sql}));
  if (description.ok()) cache_.AddSchema(key, description.schema);
  return description;
}

Status CheckSession::Define(const NamedShapes& shapes) {
  Session* session = TRY(Engine());
  // Inputs of other tasks have no business here; tables do no harm, since who names one is checked.
  for (auto at = defined_.begin(); at != defined_.end();) {
    bool leave = IsTable(at->first) || shapes.contains(at->first);
    if (!leave) TRY(session->Drop(at->first));
    at = leave ? std::next(at) : defined_.erase(at);
  }
  for (const auto& [name, schema] : shapes) {
    std::string shape = ShapeText(schema);
    auto defined = defined_.find(name);
    if (defined != defined_.end() && defined->second == shape) continue;
    TRY(session->DefineEmpty(name, schema));
    defined_[name] = std::move(shape);
  }
  return Status::Ok();
}

std::string KeyOf(const std::string& text, const NamedShapes& shapes) {
  std::string key = std::to_string(text.size()) + ":" + text;
  for (const auto& [name, schema] : shapes) key += "\n" + name + " " + ShapeText(schema);
  return key;
}

}  // namespace millrace
