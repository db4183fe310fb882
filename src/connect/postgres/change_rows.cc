#include "connect/postgres/change_rows.h"

#include <algorithm>

#include "base/text.h"

namespace millrace::postgres {

namespace {

constexpr size_t kExtras = 5;

Type Plain(TypeKind kind) { return {.kind = kind}; }

// As PostgreSQL writes an array of texts.
std::string TextArray(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) {
    std::string escaped;
    for (char c : text) {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += c;
    }
    quoted.push_back('"' + escaped + '"');
  }
  return "{" + Join(quoted, ",") + "}";
}

}  // namespace

std::vector<SourceColumn> ChangeColumns() {
  Type text = Plain(TypeKind::kVarchar);
  return {
      {"_op", TypeOfColumnFor(text)},
      {"_lsn", TypeOfColumnFor(Plain(TypeKind::kBigInt))},
      {"_seq", TypeOfColumnFor(Plain(TypeKind::kBigInt))},
      {"_commit_time", TypeOfColumnFor(Plain(TypeKind::kTimestampTz))},
      {"_unchanged", TypeOfColumnFor({.kind = TypeKind::kList, .children = {{"element", text}}})}};
}

Status ChangeRows::Relate(std::string_view message) {
  Relation relation = TRY(ParseRelation(message));
  places_.clear();
  names_ = relation.columns;
  for (const std::string& name : relation.columns) {
    auto found = std::find_if(columns_.begin(), columns_.end() - kExtras,
                              [&](const SourceColumn& column) { return column.name == name; });
    bool known = found != columns_.end() - kExtras;
    places_.push_back(known ? static_cast<int>(found - columns_.begin()) : -1);
  }
  return Status::Ok();
}

void ChangeRows::Fill(const Tuple& tuple, const Tuple* before, Row& row,
                      std::vector<std::string>& unchanged) const {
  for (size_t i = 0; i < tuple.values.size() && i < places_.size(); ++i) {
    if (places_[i] < 0) continue;
    const Tuple::Value* value = &tuple.values[i];
    if (value->kind == 'u' && before && i < before->values.size()) value = &before->values[i];
    if (value->kind == 'u') unchanged.push_back(names_[i]);
    if (value->kind == 't') row[static_cast<size_t>(places_[i])] = value->text;
  }
}

// Whether the row bears another key than before: then the one of before is gone.
bool ChangeRows::MovesKey(const Change& change) const {
  if (!change.before || !change.after) return false;
  if (!change.before_is_whole) return true;  // only then it is sent
  for (size_t i = 0; i < names_.size() && i < change.before->values.size(); ++i) {
    if (std::ranges::find(key_, names_[i]) == key_.end()) continue;
    if (change.before->values[i].text != change.after->values[i].text) return true;
  }
  return false;
}

Status ChangeRows::Emit(const StreamItem& item, std::string_view op, const Tuple* tuple,
                        const Tuple* before) {
  if (item.commit != commit_) sequence_ = 0;
  commit_ = item.commit;
  Row row(columns_.size());
  std::vector<std::string> unchanged;
  if (tuple) Fill(*tuple, before, row, unchanged);
  std::string lsn = std::to_string(item.commit), sequence = std::to_string(++sequence_);
  std::string time = FormatTime(item.time), names = TextArray(unchanged);
  size_t at = columns_.size() - kExtras;
  row[at] = op;
  row[at + 1] = lsn;
  row[at + 2] = sequence;
  row[at + 3] = time;
  if (!unchanged.empty()) row[at + 4] = names;
  return batch_.AppendTextRow(row);
}

Status ChangeRows::Append(const StreamItem& item) {
  if (item.message[0] == 'R') return Relate(item.message);
  Change change = TRY(ParseChange(item.message));
  if (change.kind != 'T' && places_.empty())
    return Internal("logical replication sent a change before its Relation");
  const Tuple* before = change.before ? &*change.before : nullptr;
  switch (change.kind) {
    case 'I': return Emit(item, "insert", &*change.after, nullptr);
    case 'D': return Emit(item, "delete", before, nullptr);
    case 'T': return Emit(item, "truncate", nullptr, nullptr);
    default: break;
  }
  if (MovesKey(change)) TRY(Emit(item, "delete", before, nullptr));
  return Emit(item, "update", &*change.after, change.before_is_whole ? before : nullptr);
}

}  // namespace millrace::postgres
