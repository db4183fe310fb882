#include "lake/scan.h"

#include <algorithm>
#include <map>

#include "base/text.h"
#include "lake/file_url.h"

namespace millrace {

namespace {

// Up to here each partition is a branch with constants, which filters on it cut off; beyond, the
// statement would grow without end, and the values are joined by file name.
constexpr size_t kMaxBranches = 64;
constexpr size_t kMaxFooters = 64;  // of files that are opened before the first row is read
constexpr const char* kFileColumn = "__millrace_file";

bool IsPartition(const std::string& column, const std::vector<std::string>& partition_by) {
  std::string wanted = ToLower(column);
  return std::ranges::any_of(partition_by,
                             [&](const auto& name) { return ToLower(name) == wanted; });
}

// The engine takes these for a pattern in any file name; a class of one character is that
// character.
std::string WithoutPatterns(const std::string& uri) {
  std::string plain;
  for (char c : uri) {
    bool special = c == '*' || c == '?' || c == '[';
    plain += special ? std::string("[") + c + "]" : std::string(1, c);
  }
  return plain;
}

std::string NullOf(const Type& type) { return "CAST(NULL AS " + type.ToSql() + ")"; }

std::string PartitionLiteral(const DataFile& file, const Column& column) {
  auto found = std::ranges::find_if(file.partition, [&](const auto& value) {
    return ToLower(value.first) == ToLower(column.name);
  });
  if (found == file.partition.end() || !found->second) return NullOf(column.type);
  std::string literal = SqlLiteral(*found->second);
  if (column.type.kind == TypeKind::kBlob) return "encode(" + literal + ")";
  return "CAST(" + literal + " AS " + column.type.ToSql() + ")";
}

std::string Uris(const std::vector<const DataFile*>& files, const TableFolder& folder) {
  std::vector<std::string> uris;
  for (const DataFile* file : files) {
    uris.push_back(SqlLiteral(WithoutPatterns(FileUri(*file, folder))));
  }
  return "[" + Join(uris, ", ") + "], hive_partitioning = false";
}

bool IsPlain(const Column& column) {
  TypeKind kind = column.type.kind;
  return kind != TypeKind::kStruct && kind != TypeKind::kList && kind != TypeKind::kMap;
}

// Columns by name, with the table's types, null for what a file lacks. The footers are read when
// the statement is bound: the engine then knows rows and row groups, for a good plan on all cores.
std::string ReadFooters(const std::string& read, const std::vector<Column>& columns) {
  std::vector<std::string> shape;
  for (const Column& column : columns)
    shape.push_back(NullOf(column.type) + " AS " + SqlName(column.name));
  return "(SELECT " + Join(shape, ", ") + " WHERE false UNION ALL BY NAME SELECT * FROM " + read +
         ", union_by_name = true))";
}

// The same for many files, opened as they are read, and for values inside values.
std::string ReadLazily(const std::string& read, const std::vector<Column>& columns) {
  std::vector<std::string> shape;
  for (const Column& column : columns) {
    shape.push_back(SqlLiteral(column.name) + ": {name: " + SqlLiteral(column.name) +
                    ", type: " + SqlLiteral(column.type.ToSql()) + ", default_value: NULL}");
  }
  std::string schema = shape.empty() ? "" : ", schema = MAP {" + Join(shape, ", ") + "}";
  return read + schema + ")";
}

std::string ReadParquet(const std::vector<const DataFile*>& files,
                        const std::vector<Column>& columns, const TableFolder& folder,
                        bool with_file) {
  std::string read = "read_parquet(" + Uris(files, folder);
  if (with_file) read += std::string(", filename = '") + kFileColumn + "'";
  bool plain = !columns.empty() && std::ranges::all_of(columns, IsPlain);
  return plain && files.size() <= kMaxFooters ? ReadFooters(read, columns)
                                              : ReadLazily(read, columns);
}

struct Scan {
  const std::vector<DataFile>& files;
  const Schema& schema;
  const std::vector<std::string>& partition_by;
  const TableFolder& folder;
  const std::string& file_column;

  std::vector<Column> StoredColumns() const {
    std::vector<Column> stored;
    for (const Column& column : schema.columns) {
      if (!IsPartition(column.name, partition_by)) stored.push_back(column);
    }
    return stored;
  }

  // The select list; `partition` spells a partition column's value.
  template <class Spell>
  std::string SelectList(Spell partition) const {
    std::vector<std::string> list;
    for (const Column& column : schema.columns) {
      bool constant = IsPartition(column.name, partition_by);
      std::string value = constant ? partition(column)
                                   : "CAST(f." + SqlName(column.name) + " AS " +
                                         column.type.ToSql() + ")";
      list.push_back(value + " AS " + SqlName(column.name));
    }
    if (!file_column.empty()) {
      list.push_back(std::string("f.") + kFileColumn + " AS " + SqlName(file_column));
    }
    return "SELECT " + Join(list, ", ");
  }

  std::string Nothing() const {
    std::vector<std::string> list;
    for (const Column& column : schema.columns) {
      list.push_back(NullOf(column.type) + " AS " + SqlName(column.name));
    }
    if (!file_column.empty()) list.push_back("CAST(NULL AS VARCHAR) AS " + SqlName(file_column));
    if (list.empty()) list.push_back("NULL");
    return "SELECT " + Join(list, ", ") + " WHERE false";
  }

  std::string Branch(const std::vector<const DataFile*>& group) const {
    std::string list =
        SelectList([&](const Column& column) { return PartitionLiteral(*group.front(), column); });
    return list + " FROM " + ReadParquet(group, StoredColumns(), folder, !file_column.empty()) +
           " AS f";
  }

  std::string Joined() const {
    std::vector<const DataFile*> all;
    std::vector<std::string> rows, names = {"file"};
    for (const DataFile& file : files) {
      all.push_back(&file);
      std::vector<std::string> values = {SqlLiteral(FileUri(file, folder))};
      for (const Column& column : schema.columns) {
        if (IsPartition(column.name, partition_by))
          values.push_back(PartitionLiteral(file, column));
      }
      rows.push_back("(" + Join(values, ", ") + ")");
    }
    for (const Column& column : schema.columns) {
      if (IsPartition(column.name, partition_by))
        names.push_back("p" + std::to_string(names.size()));
    }
    size_t next = 1;
    std::string list = SelectList([&](const Column&) { return "p.p" + std::to_string(next++); });
    return list + " FROM " + ReadParquet(all, StoredColumns(), folder, true) +
           " AS f JOIN (VALUES " + Join(rows, ", ") + ") AS p(" + Join(names, ", ") + ") ON f." +
           kFileColumn + " = p.file";
  }
};

}  // namespace

std::string FileUri(const DataFile& file, const TableFolder& folder) {
  return IsAbsolute(file.path) ? file.path
                               : folder.storage.ReadUri(folder.path + "/" + file.path);
}

Status Reach(EngineReach& reach, const std::vector<DataFile>& files, const TableFolder& folder) {
  bool all_here = std::ranges::all_of(
      files, [&](const DataFile& file) { return FileUri(file, folder).starts_with('/'); });
  return all_here ? Status::Ok() : reach.Refresh();
}

Sql ScanFiles(const std::vector<DataFile>& files, const Schema& schema,
              const std::vector<std::string>& partition_by, const TableFolder& folder,
              const std::string& file_column) {
  Scan scan{files, schema, partition_by, folder, file_column};
  if (files.empty()) return {scan.Nothing()};
  std::map<std::map<std::string, std::optional<std::string>>, std::vector<const DataFile*>> groups;
  for (const DataFile& file : files) groups[file.partition].push_back(&file);
  if (groups.size() > kMaxBranches) return {scan.Joined()};
  std::vector<std::string> branches;
  for (const auto& [values, group] : groups) branches.push_back(scan.Branch(group));
  return {Join(branches, " UNION ALL ")};
}

}  // namespace millrace
