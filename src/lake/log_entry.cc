#include "lake/log_entry.h"

#include <nlohmann/json.hpp>

#include "lake/json_text.h"

namespace millrace {

namespace {

// The member is a JSON array of strings; other elements are passed over.
std::vector<std::string> TextListMember(const Json& object, const char* key) {
  std::vector<std::string> list;
  const Json* member = Member(object, key);
  if (!member || !member->is_array()) return list;
  for (const Json& element : *member) {
    if (element.is_string()) list.push_back(element.get<std::string>());
  }
  return list;
}

std::set<std::string> TextSetMember(const Json& object, const char* key) {
  std::vector<std::string> list = TextListMember(object, key);
  return {list.begin(), list.end()};
}

std::optional<PartitionValues> PartitionMember(const Json& object) {
  const Json* member = Member(object, "partitionValues");
  if (!member || !member->is_object()) return std::nullopt;
  PartitionValues values;
  for (const auto& [name, value] : member->items()) {
    // By the protocol an empty string is a null.
    bool null = !value.is_string() || value.get_ref<const std::string&>().empty();
    values[name] = null ? std::nullopt : std::optional(value.get<std::string>());
  }
  return values;
}

Status ParseAdd(const Json& json, LogEntry& entry) {
  AddFile add;
  add.path = TextMember(json, "path");
  if (add.path.empty()) return Invalid("an 'add' action has no path");
  add.partition = PartitionMember(json).value_or(PartitionValues());
  add.size = IntegerMember(json, "size").value_or(0);
  add.modified = IntegerMember(json, "modificationTime").value_or(0);
  add.data_change = BoolMember(json, "dataChange").value_or(true);
  add.stats = TextMember(json, "stats");
  if (add.stats.empty())
    add.stats = JsonMember(json, "stats_parsed");  // some checkpoints have only these
  add.deletion_vector = JsonMember(json, "deletionVector");
  add.tags = JsonMember(json, "tags");
  entry.adds.push_back(std::move(add));
  return Status::Ok();
}

Status ParseRemove(const Json& json, LogEntry& entry) {
  RemoveFile remove;
  remove.path = TextMember(json, "path");
  if (remove.path.empty()) return Invalid("a 'remove' action has no path");
  remove.deleted = IntegerMember(json, "deletionTimestamp");
  remove.data_change = BoolMember(json, "dataChange").value_or(true);
  remove.partition = PartitionMember(json);
  remove.size = IntegerMember(json, "size");
  remove.deletion_vector = JsonMember(json, "deletionVector");
  entry.removes.push_back(std::move(remove));
  return Status::Ok();
}

Status ParseMetadata(const Json& json, LogEntry& entry) {
  Metadata metadata;
  metadata.id = TextMember(json, "id");
  metadata.name = TextMember(json, "name");
  metadata.description = TextMember(json, "description");
  metadata.schema_json = TextMember(json, "schemaString");
  metadata.partition_by = TextListMember(json, "partitionColumns");
  metadata.configuration = TextMapMember(json, "configuration");
  metadata.created = IntegerMember(json, "createdTime");
  if (metadata.schema_json.empty()) return Invalid("a 'metaData' action has no schemaString");
  entry.metadata = std::move(metadata);
  return Status::Ok();
}

Status ParseProtocol(const Json& json, LogEntry& entry) {
  std::optional<int64_t> reader = IntegerMember(json, "minReaderVersion");
  std::optional<int64_t> writer = IntegerMember(json, "minWriterVersion");
  if (!reader || !writer || *reader < 1 || *writer < 1 || *reader > 1000 || *writer > 1000) {
    return Invalid("a 'protocol' action lacks its versions");
  }
  entry.protocol =
      Protocol{static_cast<int>(*reader), static_cast<int>(*writer),
               TextSetMember(json, "readerFeatures"), TextSetMember(json, "writerFeatures")};
  return Status::Ok();
}

Status ParseTxn(const Json& json, LogEntry& entry) {
  TxnAction txn{TextMember(json, "appId"), IntegerMember(json, "version").value_or(0),
                IntegerMember(json, "lastUpdated")};
  if (txn.application.empty()) return Invalid("a 'txn' action has no appId");
  entry.txns.push_back(std::move(txn));
  return Status::Ok();
}

CommitNote ParseNote(const Json& json) {
  CommitNote note;
  note.timestamp = IntegerMember(json, "inCommitTimestamp");
  if (!note.timestamp) note.timestamp = IntegerMember(json, "timestamp");
  note.operation = TextMember(json, "operation");
  note.parameters = TextMapMember(json, "operationParameters");
  note.metrics = TextMapMember(json, "operationMetrics");
  note.blind_append = BoolMember(json, "isBlindAppend").value_or(false);
  if (const Json* ours = Member(json, "millrace")) {
    note.run = TextMember(*ours, "run");
    note.task = TextMember(*ours, "task");
    note.position = TextMember(*ours, "position");
    note.sequence = IntegerMember(*ours, "sequence").value_or(0);
    note.rows = IntegerMember(*ours, "rows").value_or(-1);
  }
  return note;
}

Status ParseActionJson(std::string_view kind, const Json& json, LogEntry& entry) {
  if (json.is_null()) return Status::Ok();
  if (!json.is_object()) return Invalid("the action '" + std::string(kind) + "' is not an object");
  if (kind == "add") return ParseAdd(json, entry);
  if (kind == "remove") return ParseRemove(json, entry);
  if (kind == "metaData") return ParseMetadata(json, entry);
  if (kind == "protocol") return ParseProtocol(json, entry);
  if (kind == "txn") return ParseTxn(json, entry);
  if (kind == "commitInfo") entry.note = ParseNote(json);
  if (kind == "domainMetadata") {
    entry.domains.push_back({TextMember(json, "domain"), TextMember(json, "configuration"),
                             BoolMember(json, "removed").value_or(false)});
  }
  if (kind == "sidecar") entry.sidecars.push_back(TextMember(json, "path"));
  return Status::Ok();
}

Json PartitionJson(const PartitionValues& values) {
  Json json = Json::object();
  for (const auto& [name, value] : values) json[name] = value ? Json(*value) : Json(nullptr);
  return json;
}

// JSON text that was parsed once already.
Json Embedded(const std::string& text) {
  Json json = Json::parse(text, nullptr, false);
  return json.is_discarded() ? Json(nullptr) : json;
}

Json AddJson(const AddFile& add) {
  Json json = {{"path", add.path},
               {"partitionValues", PartitionJson(add.partition)},
               {"size", add.size},
               {"modificationTime", add.modified},
               {"dataChange", add.data_change}};
  if (!add.stats.empty()) json["stats"] = add.stats;
  if (!add.tags.empty()) json["tags"] = Embedded(add.tags);
  if (!add.deletion_vector.empty()) json["deletionVector"] = Embedded(add.deletion_vector);
  return json;
}

Json RemoveJson(const RemoveFile& remove) {
  Json json = {{"path", remove.path}};
  if (remove.deleted) json["deletionTimestamp"] = *remove.deleted;
  json["dataChange"] = remove.data_change;
  json["extendedFileMetadata"] = remove.partition.has_value() && remove.size.has_value();
  if (remove.partition) json["partitionValues"] = PartitionJson(*remove.partition);
  if (remove.size) json["size"] = *remove.size;
  if (!remove.deletion_vector.empty()) json["deletionVector"] = Embedded(remove.deletion_vector);
  return json;
}

Json MetadataJson(const Metadata& metadata) {
  Json json = {{"id", metadata.id}};
  if (!metadata.name.empty()) json["name"] = metadata.name;
  if (!metadata.description.empty()) json["description"] = metadata.description;
  json["format"] = {{"provider", "parquet"}, {"options", Json::object()}};
  json["schemaString"] = metadata.schema_json;
  json["partitionColumns"] = metadata.partition_by;
  json["configuration"] = Json::object();
  for (const auto& [key, value] : metadata.configuration) json["configuration"][key] = value;
  if (metadata.created) json["createdTime"] = *metadata.created;
  return json;
}

Json ProtocolJson(const Protocol& protocol) {
  Json json = {{"minReaderVersion", protocol.reader}, {"minWriterVersion", protocol.writer}};
  // The lists must be there from these versions on, and must not before.
  if (protocol.reader >= 3) json["readerFeatures"] = protocol.reader_features;
  if (protocol.writer >= 7) json["writerFeatures"] = protocol.writer_features;
  return json;
}

Json TxnJson(const TxnAction& txn) {
  Json json = {{"appId", txn.application}, {"version", txn.version}};
  if (txn.updated) json["lastUpdated"] = *txn.updated;
  return json;
}

Json NoteJson(const CommitNote& note) {
  Json json = Json::object();
  if (note.timestamp) json["timestamp"] = *note.timestamp;
  json["operation"] = note.operation;
  json["operationParameters"] = Json::object();
  for (const auto& [key, value] : note.parameters) json["operationParameters"][key] = value;
  json["operationMetrics"] = Json::object();
  for (const auto& [key, value] : note.metrics) json["operationMetrics"][key] = value;
  json["isBlindAppend"] = note.blind_append;
  json["engineInfo"] = "Millrace/0.1.0";
  Json ours = Json::object();
  if (!note.run.empty()) ours["run"] = note.run;
  if (!note.task.empty()) {
    ours["task"] = note.task;
    ours["sequence"] = note.sequence;
    ours["position"] = note.position;
  }
  if (note.rows >= 0) ours["rows"] = note.rows;
  json["millrace"] = std::move(ours);
  return json;
}

}  // namespace

Result<LogEntry> ParseLogEntry(std::string_view text) {
  LogEntry entry;
  int line_number = 0;
  while (!text.empty()) {
    size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    ++line_number;
    if (line.find_first_not_of(" \t\r") == line.npos) continue;
    std::string place = "line " + std::to_string(line_number);
    Result<Json> json = ParseJson(line);
    if (!json.ok()) return json.status().In(place);
    if (!json->is_object()) return Invalid(place + ": not an action");
    for (const auto& [kind, action] : json->items()) {
      if (Status status = ParseActionJson(kind, action, entry); !status.ok())
        return status.In(place);
    }
  }
  return entry;
}

Status ParseAction(std::string_view kind, std::string_view json, LogEntry& entry) {
  return ParseActionJson(kind, TRY(ParseJson(json)), entry);
}

std::vector<std::string> PrintActions(const LogEntry& entry) {
  std::vector<std::string> lines;
  auto print = [&](const char* kind, Json json) {
    Json action = Json::object();
    action[kind] = std::move(json);
    lines.push_back(PrintJson(action));
  };
  if (entry.protocol) print("protocol", ProtocolJson(*entry.protocol));
  if (entry.metadata) print("metaData", MetadataJson(*entry.metadata));
  for (const TxnAction& txn : entry.txns) print("txn", TxnJson(txn));
  for (const DomainMetadata& domain : entry.domains) {
    print("domainMetadata", {{"domain", domain.domain},
                             {"configuration", domain.configuration},
                             {"removed", domain.removed}});
  }
  for (const RemoveFile& remove : entry.removes) print("remove", RemoveJson(remove));
  for (const AddFile& add : entry.adds) print("add", AddJson(add));
  return lines;
}

std::string PrintLogEntry(const LogEntry& entry) {
  std::string text;
  if (entry.note) text = PrintJson({{"commitInfo", NoteJson(*entry.note)}}) + "\n";
  for (const std::string& line : PrintActions(entry)) text += line + "\n";
  return text;
}

std::string FileKey(const std::string& path, const std::string& deletion_vector) {
  if (deletion_vector.empty()) return path;
  Json vector = Embedded(deletion_vector);
  std::string key =
      path + "\n" + TextMember(vector, "storageType") + TextMember(vector, "pathOrInlineDv");
  if (std::optional<int64_t> offset = IntegerMember(vector, "offset")) {
    key += "@" + std::to_string(*offset);
  }
  return key;
}

RemoveFile RemovalOf(const AddFile& add, int64_t now_ms, bool data_change) {
  return {add.path, now_ms, data_change, add.partition, add.size, add.deletion_vector};
}

int64_t RowsInStats(const std::string& stats) {
  if (stats.empty()) return -1;
  // The number mostly stands first: the rest, which may be long, need not be parsed.
  constexpr std::string_view kFirst = "{\"numRecords\":";
  if (stats.starts_with(kFirst)) {
    size_t at = kFirst.size();
    int64_t rows = 0;
    for (; at < stats.size() && at < kFirst.size() + 18 && stats[at] >= '0' && stats[at] <= '9';
         ++at) {
      rows = rows * 10 + (stats[at] - '0');
    }
    if (at > kFirst.size() && at < stats.size() && (stats[at] == ',' || stats[at] == '}'))
      return rows;
  }
  Result<Json> json = ParseJson(stats);
  return json.ok() ? IntegerMember(*json, "numRecords").value_or(-1) : -1;
}

}  // namespace millrace
