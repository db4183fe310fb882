#include "pipeline/connections.h"

#include <utility>
#include <vector>

#include "base/text.h"
#include "pipeline/names.h"
#include "pipeline/yaml_tree.h"

namespace millrace {
namespace {

std::vector<std::string> Kinds(const Registry& registry) {
  std::vector<std::string> kinds;
  for (const Registry::Entry* entry : registry.All()) {
    if (entry->connection) kinds.push_back(entry->name);
  }
  return kinds;
}

Connection ReadOne(const YamlNode& name, const YamlNode& node, const Registry& registry,
                   Diagnostics& diagnostics) {
  Connection connection{.place = name.place};
  std::vector<std::string> kinds = Kinds(registry);
  if (!node.IsMap() || node.entries.size() != 1) {
    diagnostics.Error(node.place.line > 0 ? node.place : name.place,
                      "connection '" + name.scalar + "' needs one kind of server",
                      "write `" + name.scalar + ": {KIND: {…}}`; kinds are " + Join(kinds, ", "));
    return connection;
  }
  const auto& [kind, config] = node.entries.front();
  const Registry::Entry* entry = registry.Find(kind.scalar);
  if (entry == nullptr || !entry->connection) {
    std::string hint = SuggestName(kind.scalar, kinds);
    diagnostics.Error(kind.place, "'" + kind.scalar + "' is no kind of connection",
                      hint.empty() ? "kinds are " + Join(kinds, ", ") : hint);
    return connection;
  }
  if (!entry->parse_connection(config, diagnostics)) return connection;
  connection.entry = entry;
  connection.config = config;
  return connection;
}

}  // namespace

Connections::Connections(const YamlNode& node, const Registry& registry,
                         Diagnostics& diagnostics) {
  if (node.IsNull() || node.broken) return;
  if (!node.IsMap()) {
    diagnostics.Error(node.place, "'connections' must be a map of names",
                      "write `connections: {store: {s3: {endpoint: …}}}`");
    return;
  }
  for (const auto& [name, one] : node.entries)
    all_[name.scalar] = ReadOne(name, one, registry, diagnostics);
}

std::optional<YamlNode> Connections::Apply(const Registry::Entry& entry, const YamlNode& config,
                                           Diagnostics& diagnostics) const {
  std::optional<YamlNode> whole = ApplyToGroups(entry, config, diagnostics);
  bool has = whole && whole->IsMap() && entry.connection;
  return has ? ApplyTo(entry.name, *whole, diagnostics) : whole;
}

// A group that is called like a kind of connection may name one.
std::optional<YamlNode> Connections::ApplyToGroups(const Registry::Entry& entry,
                                                   const YamlNode& config,
                                                   Diagnostics& diagnostics) const {
  if (!config.IsMap() || !entry.sink) return config;
  YamlNode whole = config;
  for (auto& [key, value] : whole.entries) {
    const FieldInfo* field = entry.sink->Find(key.scalar);
    bool group = field && field->group && field->group->Find("connection") && value.IsMap();
    if (!group) continue;
    std::optional<YamlNode> applied = ApplyTo(key.scalar, value, diagnostics);
    if (!applied) return std::nullopt;
    value = *std::move(applied);
  }
  return whole;
}

std::optional<YamlNode> Connections::ApplyTo(const std::string& kind, const YamlNode& config,
                                             Diagnostics& diagnostics) const {
  const YamlNode* name = config.Find("connection");
  if (name == nullptr || !name->IsScalar() || name->broken) return config;
  auto found = all_.find(name->scalar);
  if (found == all_.end()) {
    std::vector<std::string> names;
    for (const auto& [known, connection] : all_) names.push_back(known);
    std::string hint = SuggestName(name->scalar, names);
    if (hint.empty())
      hint = "declare it in millrace.yml: `connections: {" + name->scalar + ": {" + kind +
             ": {…}}}`";
    diagnostics.Error(name->place, "there is no connection '" + name->scalar + "'", hint);
    return std::nullopt;
  }
  const Connection& connection = found->second;
  if (connection.entry == nullptr) return std::nullopt;  // told where it is declared
  if (connection.entry->name != kind) {
    diagnostics.Error(name->place, "connection '" + name->scalar + "' is of kind " +
                                       connection.entry->name + ", not " + kind);
    return std::nullopt;
  }
  return Overlay(connection.config, config);
}

}  // namespace millrace
