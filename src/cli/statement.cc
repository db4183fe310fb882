#include "cli/statement.h"

#include <algorithm>

#include "base/text.h"
#include "cli/text_table.h"
#include "cli/words.h"
#include "run/run.h"

namespace millrace {

namespace {

bool IsNumber(TypeKind kind) {
  switch (kind) {
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt:
    case TypeKind::kInteger:
    case TypeKind::kBigInt:
    case TypeKind::kFloat:
    case TypeKind::kDouble:
    case TypeKind::kDecimal: return true;
    default: return false;
  }
}

// One statement without its semicolon, as Sql wants it.
std::string Bare(std::string_view text) {
  text = Trim(text);
  while (!text.empty() && text.back() == ';') text = Trim(text.substr(0, text.size() - 1));
  return std::string(text);
}

Status WithSuggestion(Status status, const std::vector<std::string>& wanted, Lake& lake) {
  if (status.code() != Code::kNotFound) return status;
  Result<std::vector<TableName>> tables = lake.Tables();
  if (!tables.ok()) return status;
  if (tables->empty())
    return Status(status.code(), status.message(), "the lake has no tables yet: millrace run");
  std::vector<std::string> names;
  for (const TableName& table : *tables) names.push_back(table.ToString());
  for (const std::string& name : wanted) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string closest = Closest(name, names);
    if (!closest.empty())
      return Status(status.code(), status.message(), "did you mean '" + closest + "'?");
  }
  return status;
}

}  // namespace

Result<AsOf> ParseAsOf(const std::string& text) {
  AsOf as_of;
  if (text.empty()) return as_of;
  if (text.size() < 18 &&
      std::all_of(text.begin(), text.end(), [](unsigned char c) { return isdigit(c); })) {
    as_of.version = std::stoll(text);
    return as_of;
  }
  Result<Time> time = ParseTime(text);
  if (!time.ok()) {
    return Invalid("'" + text + "' is neither a version nor a time",
                   "for example 3 or '2026-11-21 06:50'");
  }
  as_of.time = *time;
  return as_of;
}

Status DefineTables(Workspace& workspace, Session& session, const std::vector<std::string>& names,
                    const AsOf& as_of) {
  std::vector<std::string> lake_tables, store_tables;
  for (const std::string& name : names) {
    if (ToLower(name).starts_with("millrace.")) store_tables.push_back(ToLower(name));
    // Anything else that is not layer.table (a file's name, a table function) is the engine's
    // business.
    else if (ParseTableName(name).ok())
      lake_tables.push_back(name);
  }
  if (lake_tables.empty() && store_tables.empty()) return Status::Ok();
  Lake* lake = TRY(workspace.lake());
  if (!store_tables.empty()) {
    Store* store = TRY(workspace.store_to_read());
    TRY(DefineStoreTables(session, *store, *lake, store_tables, workspace.stop()));
  }
  Status defined = DefineLakeTables(session, *lake, lake_tables, as_of);
  return WithSuggestion(std::move(defined), lake_tables, *lake);
}

std::string SqlErrorText(const SqlError& error, std::string_view sql, const Terminal& terminal) {
  std::string text = terminal.PaintError(Style::kRed, "error:") + " " + error.message;
  std::string closest = error.candidates.empty() ? "" : error.candidates.front();
  if (!error.name.empty() && !error.candidates.empty()) {
    std::string nearest = Closest(error.name, error.candidates);
    if (!nearest.empty()) closest = nearest;
  }
  if (!closest.empty()) text += "; did you mean '" + closest + "'?";
  text += "\n";
  if (!error.offset || *error.offset > sql.size()) return text;
  size_t begin = sql.rfind('\n', *error.offset == 0 ? 0 : *error.offset - 1);
  begin = begin == std::string_view::npos || *error.offset == 0 ? 0 : begin + 1;
  size_t end = std::min(sql.find('\n', *error.offset), sql.size());
  // A long line is shown around the place.
  constexpr size_t kAround = 60;
  if (*error.offset - begin > kAround) begin = *error.offset - kAround;
  end = std::min(end, *error.offset + kAround);
  std::string before = Printable(sql.substr(begin, *error.offset - begin));
  text += "  " + before + Printable(sql.substr(*error.offset, end - *error.offset)) + "\n";
  return text + "  " + std::string(static_cast<size_t>(DisplayWidth(before)), ' ') +
         terminal.PaintError(Style::kRed, "^") + "\n";
}

Result<Statement> PrepareStatement(Workspace& workspace, const std::string& text,
                                   const AsOf& as_of) {
  Statement statement;
  statement.sql.text = Bare(text);
  if (statement.sql.text.empty())
    return Invalid("there is no SQL to run", "millrace query \"SELECT 42\"");
  statement.session = TRY(TRY(workspace.engine())->Open("query"));
  Result<StatementNames> refs = statement.session->NamesIn(statement.sql);
  std::vector<std::string> names;
  if (refs.ok()) {
    for (const TableRef& ref : refs->tables) names.push_back(ref.name);
  } else if (refs.code() != Code::kInvalid) {
    return refs.status();
  }
  // A syntax error is told by Describe, with its place.
  TRY(DefineTables(workspace, *statement.session, names, as_of));
  Description description = TRY(statement.session->Describe(statement.sql));
  for (const SqlError& error : description.errors) {
    workspace.terminal().PrintError(SqlErrorText(error, statement.sql.text, workspace.terminal()));
  }
  if (!description.ok()) return statement;
  statement.schema = std::move(description.schema);
  return statement;
}

Status PrintRows(Workspace& workspace, Statement& statement, int most,
                 std::string_view to_see_more) {
  std::string limit = most > 0 ? " LIMIT " + std::to_string(most + 1) : "";
  std::string inner = "(\n" + statement.sql.text + "\n)";
  auto rows = TRY(statement.session->Collect({"SELECT * FROM " + inner + limit}, workspace.stop()));
  int64_t more = 0;
  if (most > 0 && rows.size() > static_cast<size_t>(most)) {
    auto count =
        TRY(statement.session->Collect({"SELECT count(*) FROM " + inner}, workspace.stop()));
    more = std::stoll(count.at(0).at(0).value_or("0")) - most;
    rows.resize(static_cast<size_t>(most));
  }
  std::vector<TextTable::Column> columns;
  for (const Column& column : statement.schema.columns) {
    columns.push_back({column.name, IsNumber(column.type.kind), ToLower(column.type.ToSql())});
  }
  TextTable table(std::move(columns));
  for (auto& row : rows) {
    std::vector<TextTable::Cell> cells;
    for (auto& text : row) cells.push_back({std::move(text)});
    table.Add(std::move(cells));
  }
  Terminal& terminal = workspace.terminal();
  std::string text = table.Format(terminal);
  if (rows.empty()) text += terminal.Paint(Style::kDim, "no rows") + "\n";
  if (more > 0)
    text +=
        terminal.Paint(Style::kDim, "… " + FormatCount(more) + " more (" +
                                        std::string(to_see_more) + ")") +
        "\n";
  terminal.Print(text);
  return Status::Ok();
}

}  // namespace millrace
