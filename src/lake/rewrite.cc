#include "lake/rewrite.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/hash.h"
#include "base/text.h"
#include "lake/file_stats.h"
#include "lake/file_url.h"
#include "lake/scan.h"

namespace millrace {

namespace {

constexpr const char* kFile = "__millrace_file";

class Rewrite {
 public:
  Rewrite(TableLog& log, const TableState& base, const RewriteRequest& request)
      : request_(request), base_(base), folder_{log.context().storage, log.folder()} {
    for (const std::string& name : request.incoming_columns) incoming_.insert(ToLower(name));
    for (const auto& [key, file] : base.files) {
      files_.push_back(ToDataFile(file->action));
      adds_.push_back(&file->action);
    }
  }

  Result<Rewritten> Run(TableLog& log, Session& session, const StageOptions& options,
                        std::stop_token stop) {
    TRY(Reach(log.context().reach, files_, folder_));
    incoming_relation_ = request_.incoming;
    TRY(LeaveOutLate(session, stop));
    std::vector<size_t> touched = TRY(Touched(session, stop));
    Rewritten result;
    std::vector<DataFile> files;
    for (size_t i : touched) {
      files.push_back(files_[i]);
      result.removed.push_back(*adds_[i]);
    }
    std::vector<std::string> parts;
    if (!files.empty()) parts.push_back(Kept(files));
    if (!request_.incoming.empty()) parts.push_back(Incoming(files));
    if (parts.empty()) return result;
    result.staged =
        TRY(StageRows(log, session, {Join(parts, " UNION ALL ")}, request_.schema, options, stop));
    return result;
  }

 private:
  // Incoming rows that lose against a row that is there.
  Status LeaveOutLate(Session& session, std::stop_token stop) {
    bool ordered = ByKey() && !request_.order_by.empty() && !files_.empty();
    for (const std::string& name : request_.order_by)
      ordered = ordered && request_.schema.Find(name) && incoming_.contains(ToLower(name));
    if (!ordered) return Status::Ok();
    std::vector<std::string> there, coming;
    for (const std::string& name : request_.order_by) {
      there.push_back("t." + SqlName(name));
      coming.push_back("r." + SqlName(name));
    }
    std::string newer = "(" + Join(there, ", ") + ") > (" + Join(coming, ", ") + ")";
    incoming_relation_ = request_.incoming + "_last";
    return session
        .Materialize(incoming_relation_,
                     {"SELECT r.* FROM " + request_.incoming + " AS r ANTI JOIN " + Scan(files_) +
                      " ON " + KeysMeet() + " AND " + newer},
                     stop)
        .status();
  }

  bool ByKey() const {
    return !request_.incoming.empty() &&
           (request_.mode == Mode::kMerge || request_.mode == Mode::kDeleteInsert);
  }

  // Merge has no null keys; for the others a null meets a null.
  std::string KeysMeet() const {
    const char* meets = request_.mode == Mode::kMerge ? " = " : " IS NOT DISTINCT FROM ";
    std::vector<std::string> parts;
    for (const std::string& name : request_.key)
      parts.push_back("t." + SqlName(name) + meets + "r." + SqlName(name));
    return Join(parts, " AND ");
  }

  // The condition of rows that go whatever comes in; "" when there is none.
  std::string Gone() const {
    std::vector<std::string> any;
    if (!request_.gone.empty()) any.push_back("coalesce(" + request_.gone + ", false)");
    if (!request_.replaced_files.empty() && request_.schema.Find("_source_file")) {
      std::vector<std::string> names;
      for (const std::string& name : request_.replaced_files) names.push_back(SqlLiteral(name));
      any.push_back("coalesce(t._source_file IN (" + Join(names, ", ") + "), false)");
    }
    return any.empty() ? "" : "(" + Join(any, " OR ") + ")";
  }

  std::string Scan(const std::vector<DataFile>& files, const std::string& file_column = "") const {
    return "(" +
           ScanFiles(files, request_.schema, base_.metadata.partition_by, folder_, file_column)
               .text +
           ") AS t";
  }

  // The files that hold a row which goes or changes.
  Result<std::vector<size_t>> Touched(Session& session, std::stop_token stop) const {
    std::vector<size_t> touched;
    if (request_.every_file) {
      for (size_t i = 0; i < files_.size(); ++i) touched.push_back(i);
    }
    std::vector<std::string> looks;
    if (std::string gone = Gone(); !gone.empty()) {
      looks.push_back("SELECT DISTINCT " + std::string(kFile) + " FROM " + Scan(files_, kFile) +
                      " WHERE " + gone);
    }
    if (ByKey()) {
      looks.push_back("SELECT DISTINCT " + std::string(kFile) + " FROM " + Scan(files_, kFile) +
                      " SEMI JOIN " + incoming_relation_ + " AS r ON " + KeysMeet());
    }
    if (request_.every_file || files_.empty() || looks.empty()) return touched;
    std::set<std::string> uris;
    for (auto& row : TRY(session.Collect({Join(looks, " UNION ")}, stop)))
      uris.insert(row[0].value_or(""));
    for (size_t i = 0; i < files_.size(); ++i) {
      if (uris.contains(FileUri(files_[i], folder_))) touched.push_back(i);
    }
    // A file whose rows were found and whose name was not would keep rows that must go.
    if (touched.size() != uris.size())
      return Internal("the engine names a data file otherwise than the log");
    return touched;
  }

  // The rows of these files that stay as they are.
  std::string Kept(const std::vector<DataFile>& files) const {
    std::vector<std::string> list;
    for (const Column& column : request_.schema.columns)
      list.push_back("t." + SqlName(column.name));
    std::string sql = "SELECT " + Join(list, ", ") + " FROM " + Scan(files);
    if (ByKey()) sql += " ANTI JOIN " + incoming_relation_ + " AS r ON " + KeysMeet();
    if (std::string gone = Gone(); !gone.empty()) sql += " WHERE NOT " + gone;
    return sql;
  }

  // The incoming rows; columns that they lack keep, in a merge, the value of the row they meet.
  std::string Incoming(const std::vector<DataFile>& files) const {
    bool keeps_values = false;
    std::vector<std::string> list;
    for (const Column& column : request_.schema.columns) {
      bool has = incoming_.contains(ToLower(column.name));
      bool keeps = !has && request_.mode == Mode::kMerge && !files.empty();
      keeps_values = keeps_values || keeps;
      std::string value = "r." + SqlName(column.name);
      if (!has)
        value = keeps ? "t." + SqlName(column.name) : "CAST(NULL AS " + column.type.ToSql() + ")";
      list.push_back(value + " AS " + SqlName(column.name));
    }
    std::string sql = "SELECT " + Join(list, ", ") + " FROM " + incoming_relation_ + " AS r";
    std::string stays = request_.deletes.empty() ? "" : " WHERE NOT r." + request_.deletes;
    if (!keeps_values) return sql + stays;
    std::string met = Scan(files);
    if (std::string gone = Gone(); !gone.empty())
      met = "(SELECT * FROM " + met + " WHERE NOT " + gone + ") AS t";
    return sql + " LEFT JOIN " + met + " ON " + KeysMeet() + stays;
  }

  const RewriteRequest& request_;
  const TableState& base_;
  const TableFolder folder_;
  std::set<std::string> incoming_;  // column names in lower case
  std::string incoming_relation_;   // the request's, without the rows that come late
  std::vector<DataFile> files_;
  std::vector<const AddFile*> adds_;  // of the same index
};

// What a failed write left, at any depth. Best effort.
void RemoveWithPrefix(const std::string& folder, const std::string& prefix) {
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    std::error_code ignored;
    if (it->path().filename().string().starts_with(prefix))
      std::filesystem::remove(it->path(), ignored);
  }
}

}  // namespace

Result<StagedFiles> StageRows(TableLog& log, Session& session, const Sql& sql, const Schema& schema,
                              const StageOptions& options, std::stop_token stop) {
  Storage& storage = log.context().storage;
  TRY(storage.MakeFolder(log.folder()));
  std::string folder = storage.WriteUri(log.folder());
  // The name is the write's own: what a killed write left is never taken for another's.
  ParquetOptions parquet{.folder = folder,
                         .prefix = "part-" + NewUuid() + "-",
                         .partition_by = options.partition_by,
                         .compression = options.compression,
                         .target_file_size = options.target_file_size};
  Result<std::vector<ParquetFile>> written = session.WriteParquet(sql, parquet, stop);
  if (!written.ok()) RemoveWithPrefix(folder, parquet.prefix);
  std::vector<ParquetFile> files = TRY(std::move(written));
  StagedFiles staged;
  std::vector<std::string> paths;
  for (const ParquetFile& file : files) {
    AddFile add = TRY(ToAddFile(file, folder, schema, log.context().clock.Now()));
    paths.push_back(log.folder() + "/" + DecodePath(add.path));
    staged.rows += file.rows;
    staged.bytes += file.size;
    staged.adds.push_back(std::move(add));
  }
  // Durable before any entry names them: a log must not outlive its data.
  if (Status synced = storage.Sync(paths); !synced.ok()) {
    RemoveStaged(log, staged.adds);
    return synced;
  }
  return staged;
}

void RemoveStaged(TableLog& log, const std::vector<AddFile>& adds) {
  for (const AddFile& add : adds) {
    (void)log.context().storage.Remove(log.folder() + "/" + DecodePath(add.path));
  }
}

Result<Rewritten> RewriteFiles(TableLog& log, Session& session, const TableState& base,
                               const RewriteRequest& request, const StageOptions& options,
                               std::stop_token stop) {
  return Rewrite(log, base, request).Run(log, session, options, stop);
}

}  // namespace millrace
