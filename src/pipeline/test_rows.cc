#include "pipeline/test_rows.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "config/json.h"
#include "pipeline/files.h"
#include "pipeline/names.h"

namespace millrace {
namespace {

constexpr size_t kMostDiffLines = 40;

std::optional<double> AsNumber(const std::string& text) {
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

bool IsWhole(const std::string& text) {
  return AsNumber(text) && text.find_first_of(".eEn") == std::string::npos;
}

Json ToJson(const YamlNode& node) {
  if (node.IsNull()) return nullptr;
  if (node.IsList()) {
    Json list = Json::array();
    for (const YamlNode& item : node.items) list.push_back(ToJson(item));
    return list;
  }
  if (node.IsMap()) {
    Json map = Json::object();
    for (const auto& [key, value] : node.entries) map[key.scalar] = ToJson(value);
    return map;
  }
  if (node.quoted) return node.scalar;
  if (node.scalar == "true" || node.scalar == "false") return node.scalar == "true";
  if (IsWhole(node.scalar)) return strtoll(node.scalar.c_str(), nullptr, 10);
  if (auto number = AsNumber(node.scalar)) return *number;
  return node.scalar;
}

std::optional<std::string> CellOf(const YamlNode& node) {
  if (node.IsNull()) return std::nullopt;
  if (node.IsScalar()) return node.scalar;
  return ToJson(node).dump(-1, ' ', false, Json::error_handler_t::replace);
}

size_t ColumnIndex(TestRows& rows, const std::string& name) {
  auto found = std::find(rows.columns.begin(), rows.columns.end(), name);
  if (found == rows.columns.end()) found = rows.columns.insert(found, name);
  return static_cast<size_t>(found - rows.columns.begin());
}

std::optional<TestRows> FromList(const YamlNode& list, Diagnostics& diagnostics) {
  TestRows rows{.place = list.place};
  for (const YamlNode& item : list.items) {
    if (!item.IsMap()) {
      diagnostics.Error(item.place, "a row must be a map of columns and values",
                        "write `- {id: 1, name: a}`");
      return std::nullopt;
    }
    TestRows::Row row{.place = item.place};
    for (const auto& [name, value] : item.entries) {
      size_t index = ColumnIndex(rows, name.scalar);
      if (row.cells.size() <= index) row.cells.resize(index + 1);
      row.cells[index] = CellOf(value);
    }
    rows.rows.push_back(std::move(row));
  }
  for (TestRows::Row& row : rows.rows) row.cells.resize(rows.columns.size());
  return rows;
}

// One record of CSV from `at` on; an empty field without quotes is null.
TextRow ReadRecord(std::string_view text, size_t& at) {
  TextRow record;
  std::string field;
  bool quoted = false, inside = false;
  for (;; ++at) {
    bool end = at >= text.size();
    char c = end ? '\n' : text[at];
    if (inside && !end) {
      if (c != '"') {
        field += c;
      } else if (at + 1 < text.size() && text[at + 1] == '"') {
        field += text[++at];
      } else {
        inside = false;
      }
    } else if (c == '"' && field.empty() && !end) {
      quoted = inside = true;
    } else if (c == ',' || c == '\n') {
      if (!quoted) field = Trim(field);
      record.push_back(field.empty() && !quoted ? std::nullopt : std::optional(field));
      field.clear();
      quoted = false;
      if (c == '\n') {
        ++at;
        return record;
      }
    } else if (c != '\r') {
      field += c;
    }
  }
}

std::optional<TestRows> FromCsv(std::string_view text, const Place& place,
                                const std::function<Place(size_t)>& place_of,
                                Diagnostics& diagnostics) {
  TestRows rows{.place = place};
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    TextRow record = ReadRecord(text, at);
    if (record.size() == 1 && !record[0]) continue;  // a blank line
    if (rows.columns.empty()) {
      for (const auto& name : record) rows.columns.push_back(name.value_or(""));
      continue;
    }
    if (record.size() != rows.columns.size()) {
      diagnostics.Error(place_of(begin), "this row has " + std::to_string(record.size()) +
                                             " values, the header has " +
                                             std::to_string(rows.columns.size()));
      return std::nullopt;
    }
    rows.rows.push_back({std::move(record), place_of(begin)});
  }
  if (!rows.columns.empty()) return rows;
  diagnostics.Error(place, "the CSV text has no header",
                    "write the names of the columns in its first line");
  return std::nullopt;
}

// A value of the shape, from its text or JSON.
std::string CellSql(const std::optional<std::string>& cell, const Type& type) {
  if (!cell) return "CAST(NULL AS " + type.ToSql() + ")";
  bool nested =
      type.kind == TypeKind::kList || type.kind == TypeKind::kStruct || type.kind == TypeKind::kMap;
  std::string value = nested ? "CAST(" + SqlLiteral(*cell) + " AS JSON)" : SqlLiteral(*cell);
  return "CAST(" + value + " AS " + type.ToSql() + ")";
}

// "carrier=AA, flights=3"
std::string Shown(const std::vector<std::string>& columns, const TextRow& row) {
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) {
    text += (i ? ", " : "") + columns[i] + "=" + row[i].value_or("null");
  }
  return text;
}

// Nine digits are what a test can be expected to write of a double.
void RoundDoubles(std::vector<TextRow>& rows, const Schema& shape) {
  for (size_t i = 0; i < shape.columns.size(); ++i) {
    TypeKind kind = shape.columns[i].type.kind;
    if (kind != TypeKind::kDouble && kind != TypeKind::kFloat) continue;
    for (TextRow& row : rows) {
      if (!row[i]) continue;
      char text[64];
      snprintf(text, sizeof text, kind == TypeKind::kDouble ? "%.9g" : "%.6g",
               strtod(row[i]->c_str(), nullptr));
      row[i] = text;
    }
  }
}

Result<std::vector<TextRow>> Texts(const Sql& relation, const Schema& shape, Session& session,
                                   std::stop_token stop) {
  std::vector<std::string> columns;
  for (const Column& column : shape.columns)
    columns.push_back("CAST(" + SqlName(column.name) + " AS VARCHAR)");
  std::vector<TextRow> rows = TRY(
      session.Collect({"SELECT " + Join(columns, ", ") + " FROM (" + relation.text + ")"}, stop));
  RoundDoubles(rows, shape);
  return rows;
}

std::string Count(size_t count, const char* one, const char* many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

RowsDifference Differ(const TestRows& expected, const std::vector<TextRow>& wanted,
                      std::vector<TextRow> came, bool ordered) {
  RowsDifference difference{.place = expected.place};
  size_t missing = 0;
  std::vector<TextRow> in_order = came;
  for (size_t i = 0; i < wanted.size(); ++i) {
    auto found = std::find(came.begin(), came.end(), wanted[i]);
    if (found != came.end()) {
      came.erase(found);
      continue;
    }
    if (missing++ == 0) difference.place = expected.rows[i].place;
    difference.lines.push_back("- " + Shown(expected.columns, wanted[i]));
  }
  for (const TextRow& row : came) difference.lines.push_back("+ " + Shown(expected.columns, row));
  if (missing > 0 || !came.empty()) {
    std::string parts = missing ? Count(missing, "row is missing", "rows are missing") : "";
    if (!came.empty()) {
      parts += (missing ? ", " : "") +
               Count(came.size(), "row was not expected", "rows were not expected");
    }
    difference.message = parts;
  } else if (ordered && in_order != wanted) {
    size_t i = 0;
    while (in_order[i] == wanted[i]) ++i;
    difference.message = "the rows come in another order";
    difference.place = expected.rows[i].place;
    for (const TextRow& row : in_order)
      difference.lines.push_back("+ " + Shown(expected.columns, row));
  }
  difference.equal = difference.message.empty();
  if (difference.lines.size() > kMostDiffLines) {
    size_t more = difference.lines.size() - kMostDiffLines;
    difference.lines.resize(kMostDiffLines);
    difference.lines.push_back("  … and " + std::to_string(more) + " more");
  }
  return difference;
}

}  // namespace

std::optional<TestRows> ReadTestRows(const YamlNode& node, const std::string& folder,
                                     Diagnostics& diagnostics) {
  if (node.IsList()) return FromList(node, diagnostics);
  if (!node.IsScalar()) {
    diagnostics.Error(node.place,
                      "rows must be a list of maps, CSV text, or the path of a .csv file");
    return std::nullopt;
  }
  if (node.scalar.find('\n') != std::string::npos || !node.scalar.ends_with(".csv")) {
    return FromCsv(
        node.scalar, node.place, [&](size_t offset) { return node.PlaceOf(offset); }, diagnostics);
  }
  std::string path = folder + "/" + node.scalar;
  Result<std::string> text = ReadTextFile(path);
  if (!text.ok()) {
    diagnostics.Error(node.place, text.status().message(), text.status().hint());
    return std::nullopt;
  }
  auto place_of = [&](size_t offset) {
    auto line = std::count(text->begin(), text->begin() + static_cast<long>(offset), '\n');
    return Place{ShownPath(path), static_cast<int>(line) + 1, 1};
  };
  return FromCsv(*text, node.place, place_of, diagnostics);
}

Schema GuessShape(const TestRows& rows) {
  Schema shape;
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    bool whole = true, number = true, boolean = true, any = false;
    for (const TestRows::Row& row : rows.rows) {
      if (!row.cells[i]) continue;
      const std::string& text = *row.cells[i];
      any = true;
      whole = whole && IsWhole(text);
      number = number && AsNumber(text);
      boolean = boolean && (text == "true" || text == "false");
    }
    TypeKind kind = !any      ? TypeKind::kVarchar
                    : whole   ? TypeKind::kBigInt
                    : number  ? TypeKind::kDouble
                    : boolean ? TypeKind::kBoolean
                              : TypeKind::kVarchar;
    shape.columns.push_back({rows.columns[i], Type{.kind = kind}});
  }
  return shape;
}

Result<Sql> AsRelation(const TestRows& rows, const Schema& shape) {
  std::vector<size_t> given(shape.columns.size(), rows.columns.size());
  for (size_t i = 0; i < rows.columns.size(); ++i) {
    const Column* column = shape.Find(rows.columns[i]);
    if (!column)
      return Invalid("there is no column '" + rows.columns[i] + "'",
                     SuggestName(rows.columns[i], shape.Names()));
    given[static_cast<size_t>(column - shape.columns.data())] = i;
  }
  std::vector<std::string> tuples;
  for (const TestRows::Row& row : rows.rows) {
    std::vector<std::string> cells;
    for (size_t i = 0; i < shape.columns.size(); ++i) {
      const std::optional<std::string> cell =
          given[i] < row.cells.size() ? row.cells[given[i]] : std::nullopt;
      cells.push_back(CellSql(cell, shape.columns[i].type));
    }
    tuples.push_back("(" + Join(cells, ", ") + ")");
  }
  if (!tuples.empty()) {
    std::vector<std::string> names;
    for (const Column& column : shape.columns) names.push_back(SqlName(column.name));
    return Sql{"SELECT * FROM (VALUES " + Join(tuples, ", ") + ") AS given(" + Join(names, ", ") +
               ")"};
  }
  std::vector<std::string> cells;
  for (const Column& column : shape.columns)
    cells.push_back(CellSql({}, column.type) + " AS " + SqlName(column.name));
  return Sql{"SELECT " + Join(cells, ", ") + " WHERE false"};
}

Result<RowsDifference> CompareRows(const TestRows& expected, const Sql& came, const Schema& shape,
                                   bool ordered, Session& session, std::stop_token stop) {
  Schema compared;
  for (const std::string& name : expected.columns) {
    const Column* column = shape.Find(name);
    if (!column) {
      std::string hint = SuggestName(name, shape.Names());
      return RowsDifference{
          .equal = false,
          .message = "the rows have no column '" + name + "'" + (hint.empty() ? "" : "; " + hint),
          .place = expected.place};
    }
    compared.columns.push_back({name, column->type});
  }
  // No columns to compare: an empty list says that there are no rows.
  if (compared.columns.empty()) compared = shape;
  TestRows named = expected;
  if (named.columns.empty()) named.columns = shape.Names();
  std::vector<TextRow> wanted =
      TRY(Texts(TRY(AsRelation(expected, compared)), compared, session, stop));
  std::vector<TextRow> rows = TRY(Texts(came, compared, session, stop));
  return Differ(named, wanted, std::move(rows), ordered);
}

}  // namespace millrace
