#include "decode/scan.h"

#include <nlohmann/json.hpp>

#include <utility>

#include "base/text.h"
#include "config/json.h"
#include "decode/csv_scan.h"
#include "decode/json_scan.h"

namespace millrace {

namespace {

// All files of one scan have one format.
Result<FormatKind> KindOf(const std::vector<InputFile>& files, const FormatConfig& format) {
  if (files.empty()) return Invalid("there are no files");
  FormatKind kind = TRY(FormatOf(files[0].name, format.format));
  for (const InputFile& file : files) {
    if (TRY(FormatOf(file.name, format.format)) != kind) {
      return Invalid(files[0].name + " and " + file.name + " have different formats",
                     "set format, or read them apart");
    }
  }
  return kind;
}

Result<Schema> SchemaOf(Session& session, const Sql& rows, const std::string& name) {
  Description description = TRY(session.Describe(rows));
  if (!description.ok()) return Invalid(description.errors[0].message).In(name);
  std::erase_if(description.schema.columns,
                [](const Column& column) { return column.name == "_source_file"; });
  return description.schema;
}

Sql Typed(const NamedTypes& columns) {
  std::vector<std::string> items;
  for (const auto& [name, type] : columns)
    items.push_back("CAST(NULL AS " + type + ") AS " + SqlName(name));
  return {"SELECT " + Join(items, ", ")};
}

Json ColumnsToJson(const NamedTypes& columns) {
  Json json = Json::array();
  for (const auto& [name, type] : columns) json.push_back({name, type});
  return json;
}

Result<NamedTypes> ColumnsFromJson(const Json& json) {
  try {
    NamedTypes columns;
    for (const Json& each : json)
      columns.emplace_back(each.at(0).get<std::string>(), each.at(1).get<std::string>());
    return columns;
  } catch (const Json::exception& error) {
    return Invalid(std::string("not a list of columns: ") + error.what());
  }
}

}  // namespace

std::string Shape::ToText() const {
  Json columns = Json::array();
  for (const Column& column : schema.columns) columns.push_back({column.name, column.type.ToSql()});
  return Json{{"columns", std::move(columns)}, {"dialect", Json::parse(dialect, nullptr, false)}}
      .dump();
}

Result<Shape> Shape::Parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("columns") || !json.contains("dialect"))
    return Invalid("not a shape");
  Shape shape;
  for (const auto& [name, type] : TRY(ColumnsFromJson(json["columns"]))) {
    shape.schema.columns.push_back({name, TRY(ParseType(type)), true});
  }
  shape.dialect = json["dialect"].dump();
  return shape;
}

Result<Shape> SniffFiles(Session& session, const std::vector<InputFile>& files,
                         const FormatConfig& format, std::stop_token stop) {
  FormatKind kind = TRY(KindOf(files, format));
  Shape shape{.schema = {}, .dialect = "[]"};
  switch (kind) {
    case FormatKind::kCsv: {
      std::vector<csv::Group> groups = TRY(csv::FindGroups(session, files, format, stop));
      shape.schema = TRY(SchemaOf(session, csv::DescribeOnly(groups), files[0].name));
      shape.dialect = csv::ToJson(groups).dump();
      return shape;
    }
    case FormatKind::kJson:
    case FormatKind::kNdjson: {
      NamedTypes columns =
          TRY(SniffJson(session, files, format, kind == FormatKind::kNdjson, stop));
      shape.schema = TRY(SchemaOf(session, Typed(columns), files[0].name));
      shape.dialect = ColumnsToJson(columns).dump();
      return shape;
    }
    case FormatKind::kText:
      shape.schema.columns.push_back({"line", {TypeKind::kVarchar}, true});
      return shape;
    default: {
      std::unique_ptr<FileScan> scan = TRY(ScanParquet(session, files));
      shape.schema = TRY(SchemaOf(session, scan->rows(), files[0].name));
      return shape;
    }
  }
}

Result<std::unique_ptr<FileScan>> ScanFiles(Session& session, const std::vector<InputFile>& files,
                                            const FormatConfig& format,
                                            const std::optional<Shape>& known,
                                            const std::string& scratch, std::stop_token stop) {
  FormatKind kind = TRY(KindOf(files, format));
  if (kind == FormatKind::kParquet) return ScanParquet(session, files);
  if (kind == FormatKind::kText) return ScanText(session, files, format, scratch, stop);
  Shape shape = known ? *known : TRY(SniffFiles(session, files, format, stop));
  Json dialect = Json::parse(shape.dialect, nullptr, /*allow_exceptions=*/false);
  if (!dialect.is_array()) return Invalid("not the shape of these files");
  if (kind == FormatKind::kCsv) {
    return std::unique_ptr<FileScan>(
        TRY(csv::Scan(session, files, format, TRY(csv::GroupsFromJson(dialect)), scratch, stop)));
  }
  return ScanJson(session, files, format, TRY(ColumnsFromJson(dialect)),
                  kind == FormatKind::kNdjson, scratch, stop);
}

}  // namespace millrace
