#include "lake/checkpoint.h"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"
#include "lake/json_text.h"
#include "lake/log_file_name.h"
#include "lake/text_rows.h"

namespace millrace {

namespace {

constexpr const char* kActions[] = {"protocol", "metaData",       "txn",    "add",
                                    "remove",   "domainMetadata", "sidecar"};

// The columns of a checkpoint, as DuckDB's from_json() wants them. The same fields as the log's
// actions have.
constexpr std::string_view kColumns = R"json({
  "protocol": {"minReaderVersion": "INTEGER", "minWriterVersion": "INTEGER",
               "readerFeatures": ["VARCHAR"], "writerFeatures": ["VARCHAR"]},
  "metaData": {"id": "VARCHAR", "name": "VARCHAR", "description": "VARCHAR",
               "format": {"provider": "VARCHAR", "options": "MAP(VARCHAR, VARCHAR)"},
               "schemaString": "VARCHAR", "partitionColumns": ["VARCHAR"],
               "configuration": "MAP(VARCHAR, VARCHAR)", "createdTime": "BIGINT"},
  "txn": {"appId": "VARCHAR", "version": "BIGINT", "lastUpdated": "BIGINT"},
  "add": {"path": "VARCHAR", "partitionValues": "MAP(VARCHAR, VARCHAR)", "size": "BIGINT",
          "modificationTime": "BIGINT", "dataChange": "BOOLEAN", "stats": "VARCHAR",
          "tags": "MAP(VARCHAR, VARCHAR)", "deletionVector": {"storageType": "VARCHAR",
          "pathOrInlineDv": "VARCHAR", "offset": "INTEGER", "sizeInBytes": "INTEGER",
          "cardinality": "BIGINT"}},
  "remove": {"path": "VARCHAR", "deletionTimestamp": "BIGINT", "dataChange": "BOOLEAN",
          "extendedFileMetadata": "BOOLEAN", "partitionValues": "MAP(VARCHAR, VARCHAR)",
          "size": "BIGINT", "deletionVector": {"storageType": "VARCHAR",
          "pathOrInlineDv": "VARCHAR", "offset": "INTEGER", "sizeInBytes": "INTEGER",
          "cardinality": "BIGINT"}},
  "domainMetadata": {"domain": "VARCHAR", "configuration": "VARCHAR", "removed": "BOOLEAN"}
})json";

Status ReadJsonCheckpoint(const LogContext& context, const std::string& file, LogEntry& into) {
  LogEntry entry = TRY(ParseLogEntry(TRY(context.storage.Read(file))));
  into = std::move(entry);
  return Status::Ok();
}

// Each action comes back as JSON text and is read as the log's own actions are.
Status ReadParquetFiles(const LogContext& context, Session& session,
                        const std::vector<std::string>& files, LogEntry& into) {
  std::vector<std::string> uris;
  for (const std::string& file : files) uris.push_back(SqlLiteral(context.storage.Uri(file)));
  std::string source = " FROM read_parquet([" + Join(uris, ", ") +
                       "], union_by_name = true, hive_partitioning = false)";
  Description shape = TRY(session.Describe({"SELECT *" + source}));
  if (!shape.ok()) return Invalid("a checkpoint cannot be read: " + shape.errors.front().message);
  std::vector<std::string> kinds, columns;
  for (const char* kind : kActions) {
    if (!shape.schema.Find(kind)) continue;
    kinds.push_back(kind);
    columns.push_back("to_json(" + SqlName(kind) + ")");
  }
  if (kinds.empty()) return Invalid("a checkpoint has no actions");
  auto rows = TRY(session.Collect({"SELECT " + Join(columns, ", ") + source}, {}));
  for (const auto& row : rows) {
    for (size_t i = 0; i < kinds.size(); ++i) {
      if (row[i]) TRY(ParseAction(kinds[i], *row[i], into));
    }
  }
  return Status::Ok();
}

LogEntry ToEntry(const TableState& state, Time now) {
  LogEntry entry;
  entry.protocol = state.protocol;
  entry.metadata = state.metadata;
  for (const auto& [application, txn] : state.transactions) {
    entry.txns.push_back({application, txn.version, txn.updated});
  }
  for (const auto& [domain, configuration] : state.domains) {
    entry.domains.push_back({domain, configuration, false});
  }
  // As long as other writers keep them by default; our vacuum looks into the entries themselves
  // too.
  int64_t expired = ToMillis(now) - std::chrono::milliseconds(std::chrono::days(7)).count();
  for (const auto& [key, file] : state.tombstones) {
    if (file->action.deleted.value_or(0) < expired) continue;
    entry.removes.push_back(file->action);
    entry.removes.back().data_change = false;
  }
  for (const auto& [key, file] : state.files) {
    entry.adds.push_back(file->action);
    entry.adds.back().data_change = false;
  }
  return entry;
}

}  // namespace

Status ReadCheckpointFiles(const LogContext& context, const std::string& folder,
                           const std::vector<std::string>& files, LogEntry& into) {
  TRY(context.reach.Refresh());
  std::unique_ptr<Session> session = TRY(context.engine.Open("checkpoint"));
  if (files.front().ends_with(".json")) {
    TRY(ReadJsonCheckpoint(context, files.front(), into));
  } else {
    TRY(ReadParquetFiles(context, *session, files, into));
  }
  if (into.sidecars.empty()) return Status::Ok();
  std::vector<std::string> sidecars;
  for (const std::string& name : into.sidecars) {
    if (name.empty() || name.find('/') != name.npos) {
      return Invalid("a checkpoint names the sidecar '" + name + "', which is no file name");
    }
    sidecars.push_back(folder + "/_delta_log/_sidecars/" + name);
  }
  return ReadParquetFiles(context, *session, sidecars, into);
}

Status WriteCheckpointFile(const LogContext& context, const std::string& folder,
                           const TableState& state) {
  TRY(Failpoint("lake.checkpoint.before"));
  LogEntry entry = ToEntry(state, context.clock.Now());
  std::vector<std::string> lines = PrintActions(entry);
  size_t count = lines.size();
  std::unique_ptr<Session> session = TRY(context.engine.Open("checkpoint"));
  TRY(session->Bind("actions", ReadTexts("line", std::move(lines)), {}));
  std::string log = folder + "/_delta_log/";
  std::string name = CheckpointName(state.version);
  // Under its name only when whole and durable: a reader takes whatever has the name.
  std::string aside = log + "." + name + "." + NewUuid() + ".tmp";
  Json columns = Json::parse(kColumns, nullptr, false);
  if (entry.domains.empty()) columns.erase("domainMetadata");
  Sql actions{"SELECT unnest(from_json(line, " + SqlLiteral(PrintJson(columns)) +
              ")) FROM actions"};
  TRY(context.storage.MakeFolder(folder + "/_delta_log"));
  Result<int64_t> written =
      session->WriteFile(actions, context.storage.WriteUri(aside), "parquet", {}, {});
  Status done = written.ok() ? context.storage.Sync({aside}) : written.status();
  if (done.ok()) done = context.storage.Rename(aside, log + name);
  if (!done.ok()) {
    (void)context.storage.Remove(aside);
    return done.In("checkpoint " + std::to_string(state.version));
  }
  TRY(Failpoint("lake.checkpoint.after_file"));
  Json hint = {{"version", state.version}, {"size", count}, {"numOfAddFiles", state.files.size()}};
  return context.storage.Put(log + "_last_checkpoint", PrintJson(hint));
}

}  // namespace millrace
