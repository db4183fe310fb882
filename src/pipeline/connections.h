// Servers by name, told once in millrace.yml and named by connectors:
// `connections: {crm: {postgres: {host: …}}}`, then `from: {postgres: {connection: crm, …}}`.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "config/diagnostics.h"
#include "config/yaml.h"
#include "connect/registry.h"

namespace millrace {

struct Connection {
  const Registry::Entry* entry = nullptr;  // null: faulty, which was told
  YamlNode config;                         // fields of entry->connection
  Place place;
};

class Connections {
 public:
  Connections() = default;
  // Tells every fault of every connection.
  Connections(const YamlNode& node, const Registry& registry, Diagnostics& diagnostics);

  // The config of a connector with the fields of the connection that it names; its own are
  // stronger. nullopt after a fault was told.
  std::optional<YamlNode> Apply(const Registry::Entry& entry, const YamlNode& config,
                                Diagnostics& diagnostics) const;
  const std::map<std::string, Connection>& all() const { return all_; }

 private:
  std::optional<YamlNode> ApplyToGroups(const Registry::Entry& entry, const YamlNode& config,
                                        Diagnostics& diagnostics) const;
  std::optional<YamlNode> ApplyTo(const std::string& kind, const YamlNode& config,
                                  Diagnostics& diagnostics) const;

  std::map<std::string, Connection> all_;
};

}  // namespace millrace
