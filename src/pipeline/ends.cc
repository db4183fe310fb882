#include "pipeline/ends.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "pipeline/names.h"
#include "pipeline/yaml_tree.h"

namespace millrace {
namespace {

const Registry::Entry* FindSource(const Registry& registry, std::string_view name) {
  const Registry::Entry* entry = registry.Find(name);
  return entry && entry->source ? entry : nullptr;
}

const Registry::Entry* FindSink(const Registry& registry, std::string_view name) {
  const Registry::Entry* entry = registry.Find(name);
  return entry && entry->sink ? entry : nullptr;
}

// The path of a connector that has one: its first, where there are several.
std::string PathOf(const YamlNode& config) {
  const YamlNode* path = config.IsMap() ? config.Find("path") : &config;
  if (path && path->IsList() && !path->items.empty()) path = &path->items.front();
  return path && path->IsScalar() ? path->scalar : "";
}

// A path such as s3://… belongs to the connector for such servers, whichever was named: so one file
// serves folders here and buckets there, by the value of a variable.
const Registry::Entry* ByAddress(const Registry& registry, const Registry::Entry* named,
                                 const YamlNode& config, bool source) {
  std::string scheme = SchemeOf(PathOf(config));
  if (!named || scheme.empty()) return named;
  for (const Registry::Entry* entry : registry.All()) {
    bool fits = source ? entry->source != nullptr : entry->sink != nullptr;
    if (fits && entry->scheme == scheme) return entry;
  }
  return named;
}

std::vector<std::string> Names(const Registry& registry, bool sources) {
  std::vector<std::string> names;
  for (const Registry::Entry* entry : registry.All()) {
    if (sources ? entry->source : entry->sink) names.push_back(entry->name);
  }
  return names;
}

void UnknownConnector(const YamlNode& key, const char* what, const Registry& registry, bool source,
                      Diagnostics& diagnostics) {
  std::string message = std::string("unknown ") + what + " '" + key.scalar + "'";
  if (registry.Find(key.scalar)) message = "'" + key.scalar + "' is not a " + what;
  diagnostics.Error(key.place, message, SuggestName(key.scalar, Names(registry, source)));
}

std::optional<Input> ParseInput(std::string name, const YamlNode& key, const YamlNode& config,
                                const Registry& registry, const Connections& connections,
                                Diagnostics& diagnostics) {
  const Registry::Entry* entry =
      ByAddress(registry, FindSource(registry, key.scalar), config, true);
  if (!entry) {
    UnknownConnector(key, "source", registry, true, diagnostics);
    return std::nullopt;
  }
  std::optional<YamlNode> whole = connections.Apply(*entry, config, diagnostics);
  if (!whole) return std::nullopt;
  std::optional<Registry::ParsedSource> parsed = entry->parse_source(*whole, diagnostics);
  if (!parsed) return std::nullopt;
  Input input;
  input.name = std::move(name);
  input.connector = entry->name;
  input.place = key.place;
  input.entry = entry;
  input.config = *std::move(whole);
  input.config.place = config.place;
  input.make = std::move(parsed->make);
  input.traits = std::move(parsed->traits);
  return input;
}

std::optional<Input> ParseNamedInput(const YamlNode& name, const YamlNode& value,
                                     const Registry& registry, const Connections& connections,
                                     Diagnostics& diagnostics) {
  if (FindSource(registry, name.scalar)) {
    diagnostics.Error(name.place,
                      "an input must not be named like the connector '" + name.scalar + "'",
                      "give it a name of its own: `orders: {" + name.scalar + ": …}`");
    return std::nullopt;
  }
  if (!IsInputName(name.scalar)) {
    diagnostics.Error(name.place, "'" + name.scalar + "' is not a name for an input",
                      "use letters, digits and _: SQL reads the input by this name");
    return std::nullopt;
  }
  if (!value.IsMap() || value.entries.size() != 1) {
    diagnostics.Error(value.place, "input '" + name.scalar + "' needs one connector",
                      "write `" + name.scalar + ": {file: data.csv}`");
    return std::nullopt;
  }
  return ParseInput(name.scalar, value.entries[0].first, value.entries[0].second, registry,
                    connections, diagnostics);
}

// Whether `{key: value}` was meant as a connector rather than as a named input.
bool MeansConnector(const YamlNode& key, const YamlNode& value, const Registry& registry) {
  if (registry.Find(key.scalar)) return true;
  bool holds_connector =
      value.IsMap() && value.entries.size() == 1 && registry.Find(value.entries[0].first.scalar);
  return !holds_connector &&
         (!value.IsMap() || !Closest(key.scalar, Names(registry, true)).empty());
}

YamlNode WithDefaultMode(const TargetNode& target, const std::string& mode) {
  const SpecInfo& info = *target.entry->sink;
  auto field = std::find_if(info.fields.begin(), info.fields.end(),
                            [](const FieldInfo& each) { return each.key == "mode"; });
  if (field == info.fields.end()) return target.node;
  if (!field->default_text.empty()) return target.node;  // it has a default of its own
  const std::vector<std::string>& choices = field->options.choices;
  if (std::find(choices.begin(), choices.end(), mode) == choices.end()) return target.node;
  YamlNode node = target.node;
  if (node.IsScalar() && !info.short_field.empty()) node = MapOf(info.short_field, node);
  if (!node.IsMap() || node.Find("mode")) return node;
  node.entries.emplace_back(ScalarLike(node, "mode"), ScalarLike(node, mode));
  return node;
}

// One entry of `to`. nullopt after an error.
std::optional<TargetNode> ReadTarget(const YamlNode& map, bool routed, const Registry& registry,
                                     Diagnostics& diagnostics) {
  TargetNode target;
  bool ok = true;
  std::string first;
  for (const auto& [key, value] : map.entries) {
    if (routed && key.scalar == "when") {
      target.when = value;
      if (value.IsScalar() && !Trim(value.scalar).empty()) continue;
      diagnostics.Error(value.place.line ? value.place : key.place,
                        "'when' must be an SQL condition", "write `when: \"amount > 100\"`");
      ok = false;
    } else if (routed && key.scalar == "otherwise") {
      target.otherwise = value.IsScalar() && value.scalar == "true";
      if (target.otherwise) continue;
      diagnostics.Error(value.place.line ? value.place : key.place, "'otherwise' can only be true",
                        "leave it out, or use `when`");
      ok = false;
    } else if (!first.empty()) {
      diagnostics.Error(
          key.place,
          "one target has one connector, here are '" + first + "' and '" + key.scalar + "'",
          "make `to` a list of targets");
      ok = false;
    } else if (target.entry = ByAddress(registry, FindSink(registry, key.scalar), value, false);
               target.entry) {
      first = key.scalar;
      target.node = value;
      target.place = key.place;
    } else {
      UnknownConnector(key, "sink", registry, false, diagnostics);
      first = key.scalar;
      ok = false;
    }
  }
  if (!ok) return std::nullopt;
  if (!target.entry) {
    diagnostics.Error(map.place, "a target needs a connector", "write `{table: silver.orders}`");
    return std::nullopt;
  }
  if (target.otherwise && !target.when.IsNull()) {
    diagnostics.Error(target.when.place, "a target has `when` or `otherwise`, not both");
    return std::nullopt;
  }
  return target;
}

}  // namespace

bool IsTable(std::string_view name) {
  return name.find('.') != std::string_view::npos && name.find('/') == std::string_view::npos;
}

std::vector<Input> ParseInputs(const YamlNode& from, const Registry& registry,
                               const Connections& connections, Diagnostics& diagnostics) {
  std::vector<Input> inputs;
  if (from.IsNull() || from.broken) return inputs;
  if (!from.IsMap() || from.entries.empty()) {
    std::string hint = "write `from: {file: data.csv}`";
    if (from.IsScalar() && IsTable(from.scalar))
      hint = "write `from: {table: " + from.scalar + "}`";
    diagnostics.Error(from.place, "'from' must be a connector or a map of named inputs", hint);
    return inputs;
  }
  if (from.entries.size() == 1 &&
      MeansConnector(from.entries[0].first, from.entries[0].second, registry)) {
    auto input =
        ParseInput("input", from.entries[0].first, from.entries[0].second, registry, connections,
                   diagnostics);
    if (input) inputs.push_back(*std::move(input));
    return inputs;
  }
  for (const auto& [name, value] : from.entries) {
    auto input = ParseNamedInput(name, value, registry, connections, diagnostics);
    if (input) inputs.push_back(*std::move(input));
  }
  return inputs;
}

std::vector<TargetNode> ReadTargets(const YamlNode& to, bool routed, const Registry& registry,
                                    Diagnostics& diagnostics) {
  std::vector<TargetNode> targets;
  if (to.IsNull() || to.broken) return targets;
  const char* field = routed ? "to" : "rejects";
  std::vector<YamlNode> nodes = to.IsList() ? to.items : std::vector<YamlNode>{to};
  for (const YamlNode& node : nodes) {
    if (!node.IsMap()) {
      std::string hint = node.IsScalar() && IsTable(node.scalar)
                             ? "write `" + std::string(field) + ": {table: " + node.scalar + "}`"
                             : "write `" + std::string(field) + ": {table: silver.orders}`";
      diagnostics.Error(node.place, std::string("'") + field + "' needs a connector", hint);
      continue;
    }
    auto target = ReadTarget(node, routed, registry, diagnostics);
    if (target) targets.push_back(*std::move(target));
  }
  bool any_when =
      std::any_of(targets.begin(), targets.end(), [](const auto& t) { return !t.when.IsNull(); });
  for (const TargetNode& target : targets) {
    if (!target.otherwise || any_when) continue;
    diagnostics.Error(target.place, "`otherwise` without a target that has `when`",
                      "leave it out: without conditions every target gets all rows");
  }
  return targets;
}

std::optional<Target> ParseTarget(const TargetNode& from, const std::string& default_mode,
                                  const Connections& connections, const Values& values,
                                  Diagnostics& diagnostics) {
  std::optional<YamlNode> whole =
      connections.Apply(*from.entry, WithDefaultMode(from, default_mode), diagnostics);
  if (!whole) return std::nullopt;
  std::optional<Registry::ParsedSink> parsed = from.entry->parse_sink(*whole, diagnostics);
  if (!parsed) return std::nullopt;
  Target target;
  target.connector = from.entry->name;
  target.place = from.place;
  target.config = from.node;
  target.make = std::move(parsed->make);
  target.traits = std::move(parsed->traits);
  target.otherwise = from.otherwise;
  if (!from.when.IsNull()) {
    target.when_source = SqlText::Inline(from.when, values, diagnostics);
    target.when = target.when_source.text();
  }
  return target;
}

std::string DefaultMode(const std::vector<Input>& inputs) {
  bool all_new =
      !inputs.empty() && std::all_of(inputs.begin(), inputs.end(), [](const Input& input) {
        return input.traits.incremental.value_or(input.traits.can_be_incremental &&
                                                 !IsTable(input.traits.reads));
      });
  return all_new ? "append" : "replace";
}

void DecideIncremental(Task& task, Diagnostics& diagnostics) {
  auto replaces = std::find_if(task.targets.begin(), task.targets.end(),
                               [](const Target& target) { return target.traits.replaces; });
  for (Input& input : task.inputs) {
    bool by_itself = input.traits.can_be_incremental && !IsTable(input.traits.reads) &&
                     replaces == task.targets.end() && !task.targets.empty();
    input.incremental = input.traits.incremental.value_or(by_itself);
    if (!input.incremental || replaces == task.targets.end()) continue;
    diagnostics.Error(
        input.place,
        "input '" + input.name + "' brings only new rows, but the target replaces all it has",
        "use `mode: append` or `mode: merge`, or leave `incremental` out");
  }
}

bool AddsMetadata(const Task& task, const Target& target) {
  if (target.traits.takes_files) return false;
  return task.metadata.value_or(target.traits.writes.starts_with("bronze."));
}

}  // namespace millrace
