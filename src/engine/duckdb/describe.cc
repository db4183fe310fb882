#include "engine/duckdb/describe.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "engine/duckdb/syntax_tree.h"
#include "engine/duckdb/words.h"

namespace millrace::duck {

namespace {

constexpr int kMaxErrors = 20;
constexpr std::string_view kStandIn = "NULL";

// The statement in which faulty names were replaced by NULL, so that DuckDB goes on to the next
// fault.
class Mended {
 public:
  explicit Mended(std::string text) : text_(std::move(text)) {}

  const std::string& text() const { return text_; }
  bool changed() const { return !edits_.empty(); }

  // Where an offset into the mended text was in the first one.
  size_t Original(size_t offset) const {
    for (auto edit = edits_.rbegin(); edit != edits_.rend(); ++edit) {
      if (offset > edit->at)
        offset = static_cast<size_t>(static_cast<int64_t>(offset) - edit->growth);
    }
    return offset;
  }

  void Replace(size_t begin, size_t end) {
    std::string filler(kStandIn);
    if (filler.size() < end - begin) filler.resize(end - begin, ' ');
    edits_.push_back(
        {begin, static_cast<int64_t>(filler.size()) - static_cast<int64_t>(end - begin)});
    text_.replace(begin, end - begin, filler);
  }

 private:
  struct Edit {
    size_t at;
    int64_t growth;
  };
  std::string text_;
  std::vector<Edit> edits_;
};

// Takes the fault out of the text. False when it cannot be: then nothing more can be found.
bool Mend(Mended& mended, const SqlError& error, const EngineError& told) {
  if (!told.position) return false;
  const std::string& text = mended.text();
  size_t begin = *told.position;
  size_t end = NameEnd(text, begin);
  if (end == begin) return false;
  if (error.kind == "function" || (error.kind == "type" && !told.call.empty())) {
    end = ArgumentsEnd(text, end);
    if (end == text.npos) return false;
  } else if (error.kind != "column" && error.kind != "group" && error.kind != "table") {
    return false;
  }
  mended.Replace(begin, end);
  return true;
}

// A fault that only the stand-in NULLs brought about.
bool IsOurs(const Mended& mended, const EngineError& told) {
  if (!mended.changed()) return false;
  return told.type == "Parser" || told.call.find("NULL") != told.call.npos ||
         told.message.find("NULL") != told.message.npos;
}

// The table errors of a statement all at once: DuckDB tells only the first.
std::vector<SqlError> MissingTables(Connection& connection, const std::string& sql,
                                    const std::set<std::string>& known) {
  std::vector<SqlError> errors;
  Result<StatementFacts> facts = ReadStatement(connection, sql);
  if (!facts.ok()) return errors;
  std::vector<std::string> names(known.begin(), known.end());
  for (const TableRef& table : facts->tables) {
    if (known.contains(ToLower(table.name))) continue;
    SqlError error{.message = "unknown table '" + table.name + "'",
                   .offset = table.offset,
                   .kind = "table",
                   .name = table.name};
    std::string closest = Closest(table.name, names);
    if (!closest.empty()) error.candidates.push_back(std::move(closest));
    errors.push_back(std::move(error));
  }
  return errors;
}

SqlError WithoutPlace(const Status& status) {
  SqlError error{.message = status.message(), .offset = 0, .kind = "statement"};
  if (!status.hint().empty()) error.message += "; " + status.hint();
  return error;
}

void FindDuplicates(Description& out) {
  std::set<std::string> seen;
  for (const Column& column : out.schema.columns) {
    if (seen.insert(ToLower(column.name)).second || column.name == kStandIn) continue;
    out.errors.push_back(
        {.message = "two columns are named '" + column.name + "'; rename one with AS",
         .kind = "duplicate",
         .name = column.name});
  }
}

void TakeSchema(Connection& connection, const std::string& sql,
                const std::vector<ResultColumn>& columns, bool mended, Description& out) {
  for (const ResultColumn& column : columns)
    out.schema.columns.push_back({column.name, column.type, true});
  if (!mended) return;
  // A stand-in lost its name: take the one that the statement gives it.
  Result<StatementFacts> facts = ReadStatement(connection, sql);
  if (!facts.ok() || facts->outputs.size() != columns.size()) return;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == kStandIn && !facts->outputs[i].empty())
      out.schema.columns[i].name = facts->outputs[i];
  }
}

}  // namespace

Result<Description> DescribeStatement(Connection& connection, const std::string& sql,
                                      const std::set<std::string>& known) {
  Description out;
  Mended mended(sql);
  while (out.errors.size() < kMaxErrors) {
    Prepared prepared = connection.Prepare(mended.text());
    if (!prepared.error) {
      if (!prepared.is_select) {
        out.errors.push_back(WithoutPlace(ReadStatement(connection, sql).status()));
        return out;
      }
      TakeSchema(connection, sql, prepared.columns, mended.changed(), out);
      FindDuplicates(out);
      break;
    }
    const EngineError& told = *prepared.error;
    if (told.type == "INTERNAL" || told.type == "FATAL") return ToStatus(told);
    if (IsOurs(mended, told)) break;
    if (!mended.changed() && told.type != "Parser") {
      // DROP TABLE x: not that x is unknown is the fault.
      Status status = ReadStatement(connection, sql).status();
      if (!status.ok()) {
        out.errors.push_back(WithoutPlace(status));
        break;
      }
    }
    SqlError error = ToSqlError(told, mended.text());
    if (told.message.starts_with("Cannot prepare multiple statements")) {
      Status status = ReadStatement(connection, sql).status();
      out.errors.push_back(WithoutPlace(status.ok() ? Invalid("more than one statement") : status));
      break;
    }
    if (error.offset) error.offset = mended.Original(*error.offset);
    if (error.kind == "table" && told.subtype == "MISSING_ENTRY") {
      std::vector<SqlError> missing = MissingTables(connection, sql, known);
      if (missing.empty()) missing.push_back(std::move(error));
      std::move(missing.begin(), missing.end(), std::back_inserter(out.errors));
      break;
    }
    out.errors.push_back(error);
    if (!Mend(mended, error, told)) break;
  }
  std::stable_sort(out.errors.begin(), out.errors.end(), [](const SqlError& a, const SqlError& b) {
    return a.offset.value_or(0) < b.offset.value_or(0);
  });
  return out;
}

}  // namespace millrace::duck
