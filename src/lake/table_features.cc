#include "lake/table_features.h"

#include <algorithm>

#include "base/text.h"
#include "lake/schema_json.h"

namespace millrace {

namespace {

const std::set<std::string>& ReadableFeatures() {
  static const std::set<std::string> features = {
      "columnMapping", "deletionVectors",      "timestampNtz",        "typeWidening",
      "v2Checkpoint",  "typeWidening-preview", "vacuumProtocolCheck",
  };
  return features;
}

// Those that ask nothing of us while no property or column uses them are here too: CheckUse() sees
// to it.
const std::set<std::string>& WritableFeatures() {
  static const std::set<std::string> features = {
      "appendOnly",           "invariants",    "checkConstraints", "changeDataFeed",
      "generatedColumns",     "columnMapping", "identityColumns",  "deletionVectors",
      "timestampNtz",         "v2Checkpoint",  "domainMetadata",   "vacuumProtocolCheck",
      "checkpointProtection",
  };
  return features;
}

// What a table of these writer versions may use, without a list of features.
const std::vector<std::pair<int, std::string>>& FeaturesOfVersions() {
  static const std::vector<std::pair<int, std::string>> features = {
      {2, "appendOnly"},       {2, "invariants"},    {3, "checkConstraints"}, {4, "changeDataFeed"},
      {4, "generatedColumns"}, {5, "columnMapping"}, {6, "identityColumns"}};
  return features;
}

std::vector<std::string> Missing(const std::set<std::string>& wanted,
                                 const std::set<std::string>& known) {
  std::vector<std::string> missing;
  std::ranges::set_difference(wanted, known, std::back_inserter(missing));
  return missing;
}

bool IsOn(const Metadata& metadata, const char* property) {
  auto found = metadata.configuration.find(property);
  return found != metadata.configuration.end() && ToLower(found->second) == "true";
}

bool HasColumnMapping(const Metadata& metadata) {
  auto found = metadata.configuration.find("delta.columnMapping.mode");
  return found != metadata.configuration.end() && found->second != "none";
}

bool HasDeletionVectors(const TableState& state) {
  return std::ranges::any_of(state.files, [](const auto& file) {
    return !file.second->action.deletion_vector.empty();
  });
}

// Things in use that would be broken by a writer who does not see to them.
Status CheckUse(const TableState& state, WriteKind kind) {
  const Metadata& metadata = state.metadata;
  auto refuse = [](const std::string& what) {
    return Invalid("the table has " + what + ", which Millrace does not write",
                   "write it with the tool that made it, or write to another table");
  };
  if (HasColumnMapping(metadata)) return refuse("column mapping");
  for (const auto& [key, value] : metadata.configuration) {
    if (key.starts_with("delta.constraints.")) return refuse("CHECK constraints");
  }
  if (AnyFieldHas(metadata.schema_json, "delta.invariants")) return refuse("column invariants");
  if (AnyFieldHas(metadata.schema_json, "delta.generationExpression")) {
    return refuse("generated columns");
  }
  if (AnyFieldHas(metadata.schema_json, "delta.identity.start")) return refuse("identity columns");
  if (IsOn(metadata, "delta.enableInCommitTimestamps")) return refuse("in-commit timestamps");
  if (kind == WriteKind::kAppend) return Status::Ok();
  if (IsOn(metadata, "delta.appendOnly")) {
    return Invalid("the table takes only appends (its property delta.appendOnly is true)",
                   "use mode append, or set the property to false");
  }
  if (IsOn(metadata, "delta.enableChangeDataFeed")) return refuse("a change data feed");
  if (kind == WriteKind::kRewrite && HasDeletionVectors(state)) {
    return refuse("files with deletion vectors");
  }
  return Status::Ok();
}

}  // namespace

Status CheckReadable(const Protocol& protocol) {
  if (protocol.reader > 3) {
    return Invalid("the table needs Delta reader version " + std::to_string(protocol.reader) +
                   "; Millrace reads up to version 3");
  }
  std::vector<std::string> missing = Missing(protocol.reader_features, ReadableFeatures());
  if (missing.empty()) return Status::Ok();
  return Invalid("the table needs what Millrace does not read: " + Join(missing, ", "));
}

Status CheckWritable(const TableState& state, WriteKind kind) {
  if (!state.exists()) return Status::Ok();
  TRY(CheckReadable(state.protocol));
  if (state.protocol.writer > 7) {
    return Invalid("the table needs Delta writer version " + std::to_string(state.protocol.writer) +
                   "; Millrace writes up to version 7");
  }
  std::vector<std::string> missing = Missing(state.protocol.writer_features, WritableFeatures());
  if (!missing.empty()) {
    return Invalid("the table needs what Millrace does not write: " + Join(missing, ", "),
                   "write it with the tool that made it, or write to another table");
  }
  return CheckUse(state, kind);
}

Status CheckProperties(const std::map<std::string, std::string>& properties) {
  static const std::vector<std::string> allowed = {
      "delta.appendOnly",
      "delta.checkpointInterval",
      "delta.dataSkippingNumIndexedCols",
      "delta.deletedFileRetentionDuration",
      "delta.logRetentionDuration",
      "delta.targetFileSize",
  };
  for (const auto& [key, value] : properties) {
    if (!key.starts_with("delta.") || std::ranges::find(allowed, key) != allowed.end()) continue;
    std::string closest = Closest(key, allowed);
    return Invalid(
        "the table property '" + key + "' asks for what Millrace does not write",
        closest.empty() ? "one of " + Join(allowed, ", ") : "did you mean '" + closest + "'?");
  }
  return Status::Ok();
}

bool NeedsForeignReader(const TableState& state) {
  return HasColumnMapping(state.metadata) || HasDeletionVectors(state);
}

Protocol ProtocolFor(const Protocol& base, const Schema& schema) {
  Protocol protocol = base;
  if (!HasTimestampNtz(schema) || protocol.writer_features.contains("timestampNtz"))
    return protocol;
  // From versions to lists: what the versions meant must be said by name.
  if (protocol.writer < 7) {
    for (const auto& [version, feature] : FeaturesOfVersions()) {
      if (version <= protocol.writer) protocol.writer_features.insert(feature);
    }
  }
  if (protocol.reader == 2) protocol.reader_features.insert("columnMapping");
  protocol.reader = 3;
  protocol.writer = 7;
  protocol.reader_features.insert("timestampNtz");
  protocol.writer_features.insert("timestampNtz");
  return protocol;
}

Protocol FirstProtocol(const Schema& schema) { return ProtocolFor(Protocol(), schema); }

}  // namespace millrace
