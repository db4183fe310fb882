#include "lake/table_write.h"

#include <algorithm>
#include <set>

#include "base/failpoint.h"
#include "base/hash.h"
#include "base/text.h"
#include "lake/contract_rows.h"
#include "lake/put_entry.h"
#include "lake/rewrite.h"
#include "lake/schema_json.h"
#include "lake/table_features.h"

namespace millrace {

namespace {

constexpr const char* ModeName(Mode mode) {
  switch (mode) {
    case Mode::kAppend:
      return "Append";
    case Mode::kReplace:
      return "Overwrite";
    case Mode::kMerge:
      return "Merge";
    case Mode::kDeleteInsert:
      return "DeleteInsert";
  }
  return "";
}

bool SameNames(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::ranges::equal(a, b,
                            [](const auto& x, const auto& y) { return ToLower(x) == ToLower(y); });
}

// What a commit must not find changed without looking at its rows again.
bool SameShape(const TableState& a, const TableState& b) {
  return a.metadata.id == b.metadata.id && a.metadata.schema_json == b.metadata.schema_json &&
         a.metadata.partition_by == b.metadata.partition_by;
}

bool SameFiles(const TableState& a, const TableState& b) {
  return std::ranges::equal(
      a.files, b.files, {}, [](const auto& f) { return f.first; },
      [](const auto& f) { return f.first; });
}

// The order of effects, each step safe to be the last:
//   Stage: data files are written and made durable. A kill here leaves files that no entry names:
//   vacuum's. Commit: the log entry, with all adds, removes and the txn, is put in one atomic step.
//   Before it the table is as it was, after it all of the write is there, and the txn keeps a
//   second commit of the same id away. Then, without consequence for the rows: the checkpoint.
class DeltaWrite final : public TableWrite {
 public:
  DeltaWrite(TableLog log, WriteOptions options)
      : log_(std::move(log)),
        options_(std::move(options)),
        name_("millrace_write_" + NewUuid().substr(0, 8)) {}

  ~DeltaWrite() override {
    if (committed_) return;
    RemoveStaged(log_, incoming_.adds);
    RemoveStaged(log_, rewritten_.staged.adds);
  }

  Result<WriteResult> Stage(Session& session, const Sql& given, std::stop_token stop) override {
    if (session_) return Internal("Stage() was called twice");
    session_ = &session;
    TRY(CheckProperties(options_.properties));
    lock_ = TRY(log_.LockForWriting(stop));
    base_ = TRY(LatestOrNone(log_));
    TRY(CheckWritable(*base_, Kind()).In(log_.label()));
    Sql rows = TRY(Prepared(given));
    Description described = TRY(session.Describe(rows));
    if (!described.ok()) return Invalid(described.errors.front().message);
    std::erase_if(described.schema.columns,
                  [](const Column& column) { return column.name == kDeleted; });
    ShapeRequest shape{.table = log_.label(),
                       .rows = described.schema,
                       .contract = options_.contract,
                       .mode = options_.mode};
    if (base_->exists()) shape.current = base_->schema;
    fit_ = TRY(FitShape(shape));
    partition_by_ = TRY(Partitioning());
    if (fit_.widened) TRY(CheckWritable(*base_, WriteKind::kRewrite).In(log_.label()));
    TRY(CheckKeyColumns());
    WriteResult result;
    std::string source = TRY(Source(rows, stop, result));
    TRY(StageIncoming(source, result, stop));
    TRY(RewriteOn(base_, stop));
    result.bytes = incoming_.bytes + rewritten_.staged.bytes;
    result.files = static_cast<int64_t>(incoming_.adds.size() + rewritten_.staged.adds.size());
    rows_ = result.rows;
    TRY(Failpoint("lake.stage.after"));
    return result;
  }

  std::optional<Sql> Discarded() const override { return contract_rows_.discarded; }

  Result<int64_t> Commit(const CommitId& id, std::string_view position, Time now,
                         std::stop_token stop) override {
    if (!session_) return Internal("Commit() before Stage()");
    if (!lock_) lock_ = TRY(log_.LockForWriting(stop));
    Time at = std::max(now, log_.context().clock.Now());
    auto build = [&](const TableStatePtr& latest) -> Result<std::optional<LogEntry>> {
      auto known = latest->transactions.find(id.task);
      if (known != latest->transactions.end() && known->second.version >= id.sequence) {
        return std::optional<LogEntry>();  // committed before: this id, or a later one of the same
                                           // task
      }
      TRY(Adapt(latest, stop));
      return std::optional(BuildEntry(*latest, id, position, at));
    };
    bool may_be_there = false;
    Result<PutOutcome> outcome = PutEntry(log_, build, "lake.commit", may_be_there, stop,
                                          base_->exists() ? nullptr : base_);
    committed_ = committed_ || may_be_there;
    int64_t version = TRY(std::move(outcome)).version;
    lock_.reset();
    for (const std::string& name : temporary_) (void)session_->Drop(name);
    temporary_.clear();
    return version;
  }

 private:
  static constexpr const char* kDeleted = "__millrace_deleted";

  // One row a key where the options say which, marked where it only removes; without the columns
  // that stay behind.
  Result<Sql> Prepared(const Sql& rows) const {
    bool merges = options_.mode == Mode::kMerge;
    bool picks = merges && !options_.order_by.empty();
    bool deletes = merges && !options_.delete_when.empty();
    if (!picks && !deletes && options_.exclude.empty()) return rows;
    auto names = [](const std::vector<std::string>& columns, const char* behind) {
      std::vector<std::string> all;
      for (const std::string& column : columns) all.push_back(SqlName(column) + behind);
      return Join(all, ", ");
    };
    std::string sql = "SELECT *";
    if (!options_.exclude.empty()) sql += " EXCLUDE (" + names(options_.exclude, "") + ")";
    if (deletes)
      sql += ", coalesce((" + options_.delete_when + "\n), false) AS " + std::string(kDeleted);
    sql += " FROM (" + rows.text + "\n)";
    if (picks) {
      sql += " QUALIFY row_number() OVER (PARTITION BY " + names(options_.key, "") + " ORDER BY " +
             names(options_.order_by, " DESC NULLS LAST") + ") = 1";
    }
    return Sql{sql};
  }

  bool ByKey() const {
    return options_.mode == Mode::kMerge || options_.mode == Mode::kDeleteInsert;
  }
  bool Rewrites() const { return ByKey() || !options_.replaced_files.empty(); }
  WriteKind Kind() const {
    if (options_.mode == Mode::kReplace) return WriteKind::kReplace;
    return Rewrites() ? WriteKind::kRewrite : WriteKind::kAppend;
  }
  // Replace with contract evolve: the rows decide on the table's shape.
  bool Overwrites() const {
    return options_.mode == Mode::kReplace && options_.contract == Contract::kEvolve;
  }

  // The table's partition columns, as its schema spells them.
  Result<std::vector<std::string>> Partitioning() const {
    std::vector<std::string> wanted = options_.partition_by;
    if (base_->exists()) {
      const std::vector<std::string>& current = base_->metadata.partition_by;
      if (wanted.empty()) wanted = current;
      if (!SameNames(wanted, current) && !Overwrites()) {
        return Invalid(log_.label() + " is partitioned by (" + Join(current, ", ") + "), not by (" +
                           Join(wanted, ", ") + ")",
                       "leave `partition_by` as it was, or write with mode replace");
      }
    }
    std::set<std::string> seen;
    for (std::string& name : wanted) {
      const Column* column = fit_.schema.Find(name);
      if (!column)
        return Invalid("there is no column '" + name + "' to partition " + log_.label() + " by");
      if (!seen.insert(ToLower(name)).second)
        return Invalid("partition column '" + name + "' is named twice");
      if (!column->type.children.empty() || column->type.kind == TypeKind::kBlob) {
        return Invalid("column '" + name + "' is " + column->type.ToSql() +
                       ": no table can be partitioned by that");
      }
      name = column->name;
    }
    if (!wanted.empty() && wanted.size() == fit_.schema.columns.size()) {
      return Invalid(log_.label() + " must have a column that it is not partitioned by");
    }
    return wanted;
  }

  Status CheckKeyColumns() const {
    if (!ByKey()) return Status::Ok();
    if (options_.key.empty()) return Invalid("mode merge and delete_insert need `key`");
    for (const std::string& name : options_.key) {
      bool there = std::ranges::any_of(fit_.present,
                                       [&](const auto& c) { return ToLower(c) == ToLower(name); });
      if (!there)
        return Invalid("the rows for " + log_.label() + " have no key column '" + name + "'");
    }
    return Status::Ok();
  }

  // The relation that the incoming rows are taken from.
  Result<std::string> Source(const Sql& rows, std::stop_token stop, WriteResult& result) {
    std::string copy = name_ + "_rows";
    contract_rows_ = TRY(ApplyContract(*session_, fit_, log_.label(), copy, rows, stop));
    if (contract_rows_.copied) temporary_.push_back(copy);
    result.rows_discarded = contract_rows_.rows_discarded;
    return contract_rows_.relation;
  }

  // The rows as the table wants them: `all` with nulls for the columns that they lack.
  Sql Projection(const std::string& source, bool all) const {
    std::vector<std::string> list;
    for (size_t i = 0; i < fit_.schema.columns.size(); ++i) {
      const Column& column = fit_.schema.columns[i];
      bool present = std::ranges::find(fit_.present, column.name) != fit_.present.end();
      if (!present && !all) continue;
      bool partition = std::ranges::find(partition_by_, column.name) != partition_by_.end();
      std::string value = fit_.expressions[i];
      // By the protocol an empty text as partition value is a null.
      if (partition && column.type.kind == TypeKind::kVarchar) value = "NULLIF(" + value + ", '')";
      list.push_back(value + " AS " + SqlName(column.name));
    }
    bool marked = options_.mode == Mode::kMerge && !options_.delete_when.empty();
    if (marked) list.push_back("r." + std::string(kDeleted));
    std::string sql = "SELECT " + Join(list, ", ") + " FROM " + source + " AS r";
    return {sql + contract_rows_.where};
  }

  Status StageIncoming(const std::string& source, WriteResult& result, std::stop_token stop) {
    if (!ByKey()) {
      incoming_ =
          TRY(StageRows(log_, *session_, Projection(source, true), fit_.schema, Staging(), stop));
      result.rows = incoming_.rows;
      return Status::Ok();
    }
    std::string name = name_ + "_keyed";
    result.rows = TRY(session_->Materialize(name, Projection(source, false), stop));
    temporary_.push_back(name);
    keyed_ = name;
    return options_.mode == Mode::kMerge ? CheckKeys(stop) : Status::Ok();
  }

  Status CheckKeys(std::stop_token stop) const {
    std::vector<std::string> names, nulls;
    for (const std::string& key : options_.key) {
      names.push_back(SqlName(key));
      nulls.push_back(SqlName(key) + " IS NULL");
    }
    auto null = TRY(session_->Collect(
        {"SELECT count(*) FROM " + keyed_ + " WHERE " + Join(nulls, " OR ")}, stop));
    if (null[0][0].value_or("0") != "0") {
      return Status(Code::kRejected,
                    null[0][0].value_or("") + " rows for " + log_.label() +
                        " have a null in the key (" + Join(options_.key, ", ") + ")",
                    "add the check not_null, or filter them in the SQL");
    }
    auto twice =
        TRY(session_->Collect({"SELECT " + Join(names, ", ") + ", count(*) FROM " + keyed_ +
                               " GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL LIMIT 1"},
                              stop));
    if (twice.empty()) return Status::Ok();
    std::vector<std::string> example;
    for (size_t i = 0; i < options_.key.size(); ++i) {
      example.push_back(options_.key[i] + " = " + twice[0][i].value_or("NULL"));
    }
    return Status(Code::kRejected,
                  "the key is not unique in the rows for " + log_.label() + ": " +
                      Join(example, ", ") + " comes " + twice[0].back().value_or("") + " times",
                  "say by `order_by` which of them is the last, or keep one row a key in the SQL");
  }

  StageOptions Staging() const {
    return {.partition_by = partition_by_, .compression = options_.compression};
  }

  // The part of the write that depends on the rows that are there already, on the state `on`.
  Status RewriteOn(const TableStatePtr& on, std::stop_token stop) {
    RemoveStaged(log_, rewritten_.staged.adds);
    rewritten_ = {};
    base_ = on;
    bool rewrites = Rewrites() || fit_.widened;
    if (options_.mode == Mode::kReplace || !rewrites) return Status::Ok();
    RewriteRequest request{.schema = fit_.schema,
                           .mode = options_.mode,
                           .key = options_.key,
                           .order_by = options_.order_by,
                           .deletes = options_.delete_when.empty() ? "" : kDeleted,
                           .incoming = keyed_,
                           .incoming_columns = fit_.present,
                           .replaced_files = options_.replaced_files,
                           .every_file = fit_.widened};
    rewritten_ = TRY(RewriteFiles(log_, *session_, *on, request, Staging(), stop));
    return Status::Ok();
  }

  // Others may have committed since base_: what was staged must hold on `latest` too.
  Status Adapt(const TableStatePtr& latest, std::stop_token stop) {
    if (latest->version == base_->version && latest->metadata.id == base_->metadata.id)
      return Status::Ok();
    TRY(CheckWritable(*latest, Kind()).In(log_.label()));
    if (!SameShape(*latest, *base_)) TRY(AdaptShape(*latest));
    bool same_rows = !fit_.widened && SameFiles(*latest, *base_) && SameShape(*latest, *base_);
    if (same_rows) {
      base_ = latest;
      return Status::Ok();
    }
    return RewriteOn(latest, stop);
  }

  // The table has another shape than the rows were staged for. It does where they fit that shape as
  // they are.
  Status AdaptShape(const TableState& latest) {
    if (Overwrites()) return Status::Ok();
    Status changed(Code::kConflict,
                   "another writer changed the shape of " + log_.label() + " meanwhile",
                   "run the task again");
    ShapeRequest shape{.table = log_.label(),
                       .current = latest.schema,
                       .rows = fit_.schema,
                       .contract = options_.contract,
                       .mode = options_.mode};
    Result<Fit> fit = FitShape(shape);
    bool fits = fit.ok() && fit->refused.empty() && fit->discarded.empty() &&
                SameNames(partition_by_, latest.metadata.partition_by);
    if (!fits) return changed;
    for (const Column& column : fit->schema.columns) {
      const Column* staged = fit_.schema.Find(column.name);
      if (staged && (staged->name != column.name || staged->type.ToSql() != column.type.ToSql()))
        return changed;
    }
    fit_.schema = fit->schema;
    fit_.widened = fit->widened;
    return Status::Ok();
  }

  std::optional<Metadata> ChangedMetadata(const TableState& latest, Time now) const {
    Metadata metadata = latest.metadata;
    if (!latest.exists()) {
      metadata.id = NewUuid();
      metadata.name = log_.label();
      metadata.created = ToMillis(now);
    }
    if (!latest.exists() || fit_.schema != latest.schema) {
      metadata.schema_json = PrintSchemaJson(fit_.schema, latest.metadata.schema_json);
    }
    metadata.partition_by = partition_by_;
    for (const auto& [key, value] : options_.properties) metadata.configuration[key] = value;
    return metadata == latest.metadata ? std::nullopt : std::optional(metadata);
  }

  LogEntry BuildEntry(const TableState& latest, const CommitId& id, std::string_view position,
                      Time at) const {
    LogEntry entry;
    int64_t now = ToMillis(at);
    Protocol protocol =
        latest.exists() ? ProtocolFor(latest.protocol, fit_.schema) : FirstProtocol(fit_.schema);
    if (!latest.exists() || protocol != latest.protocol) entry.protocol = protocol;
    entry.metadata = ChangedMetadata(latest, at);
    entry.txns.push_back({id.task, id.sequence, now});
    if (options_.mode == Mode::kReplace) {
      for (const auto& [key, file] : latest.files)
        entry.removes.push_back(RemovalOf(file->action, now, true));
    }
    for (const AddFile& add : rewritten_.removed)
      entry.removes.push_back(RemovalOf(add, now, true));
    for (const StagedFiles* staged : {&incoming_, &rewritten_.staged}) {
      entry.adds.insert(entry.adds.end(), staged->adds.begin(), staged->adds.end());
    }
    CommitNote note{.timestamp = now,
                    .operation = options_.mode == Mode::kMerge ? "MERGE" : "WRITE"};
    note.parameters["mode"] = ModeName(options_.mode);
    if (!partition_by_.empty()) note.parameters["partitionBy"] = Join(partition_by_, ",");
    if (!options_.key.empty()) note.parameters["key"] = Join(options_.key, ",");
    note.metrics["numFiles"] = std::to_string(entry.adds.size());
    note.metrics["numRemovedFiles"] = std::to_string(entry.removes.size());
    note.metrics["numOutputRows"] = std::to_string(incoming_.rows + rewritten_.staged.rows);
    note.metrics["numOutputBytes"] = std::to_string(incoming_.bytes + rewritten_.staged.bytes);
    note.blind_append = options_.mode == Mode::kAppend && entry.removes.empty();
    note.run = options_.run;
    note.task = id.task;
    note.sequence = id.sequence;
    note.position = position;
    note.rows = rows_;
    entry.note = std::move(note);
    return entry;
  }

  TableLog log_;  // its own: the Table may be gone before
  const WriteOptions options_;
  const std::string name_;  // of temporary relations, with a suffix
  Session* session_ = nullptr;
  std::unique_ptr<StorageLock> lock_;  // from the first file to the entry
  TableStatePtr base_;                 // the state that rewritten_ was made on
  Fit fit_;
  std::vector<std::string> partition_by_;
  ContractRows contract_rows_;
  std::vector<std::string> temporary_;  // relations to drop
  std::string keyed_;                   // the incoming rows of a write by key
  StagedFiles incoming_;                // of the other writes
  Rewritten rewritten_;
  int64_t rows_ = 0;
  bool committed_ = false;  // an entry names the staged files, or may
};

}  // namespace

Result<std::unique_ptr<TableWrite>> OpenTableWrite(const TableLog& log,
                                                   const WriteOptions& options) {
  return std::unique_ptr<TableWrite>(std::make_unique<DeltaWrite>(log, options));
}

}  // namespace millrace
