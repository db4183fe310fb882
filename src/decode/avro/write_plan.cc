#include <algorithm>
#include <utility>

#include "base/text.h"
#include "decode/avro/write.h"

namespace millrace::avro {

namespace {

using Code = WriteStep::Code;

constexpr int kDeepest = 64;

bool IsWhole(TypeKind kind) {
  return kind == TypeKind::kTinyInt || kind == TypeKind::kSmallInt || kind == TypeKind::kInteger ||
         kind == TypeKind::kBigInt;
}

bool IsReal(TypeKind kind) { return kind == TypeKind::kFloat || kind == TypeKind::kDouble; }

bool IsTime(TypeKind kind) {
  return kind == TypeKind::kTimestamp || kind == TypeKind::kTimestampTz;
}

bool IsMillis(Logical logical) {
  return logical == Logical::kTimestampMillis || logical == Logical::kLocalTimestampMillis;
}

bool IsNanos(Logical logical) {
  return logical == Logical::kTimestampNanos || logical == Logical::kLocalTimestampNanos;
}

std::string Branch(size_t index) {
  std::string bytes;
  AppendLong(bytes, static_cast<int64_t>(index));
  return bytes;
}

// The column for a field: of this name, else of this name in other letters.
int ColumnFor(const std::vector<Column>& columns, const std::string& name) {
  for (size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return static_cast<int>(i);
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (ToLower(columns[i].name) == ToLower(name)) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

class WritePlanMaker {
 public:
  WritePlanMaker(const AvroSchema& schema, WritePlan& plan) : schema_(schema), plan_(plan) {}

  Status Make(const Schema& columns) {
    int root = schema_.root();
    if (schema_[root].kind == Kind::kRecord) {
      plan_.root_ = TRY(Record(columns.columns, root, 0));
      return Status::Ok();
    }
    if (columns.columns.size() != 1) {
      return Invalid("the schema is no record but " + schema_.NameOf(root) + ", the rows have " +
                         std::to_string(columns.columns.size()) + " columns",
                     "select one");
    }
    plan_.whole_ = true;
    plan_.root_ = TRY(Value(columns.columns[0].type, root, 0));
    return Status::Ok();
  }

 private:
  Status Mismatch(const Type& type, int to) const {
    return Invalid("a " + type.ToSql() + " is not written as " + schema_.NameOf(to),
                   "cast it in SQL");
  }
  int Add(WriteStep step) {
    plan_.steps_.push_back(std::move(step));
    return static_cast<int>(plan_.steps_.size()) - 1;
  }
  WriteStep& At(int step) { return plan_.steps_[static_cast<size_t>(step)]; }

  Result<int> Value(const Type& type, int to, int depth) {
    if (depth > kDeepest) return Invalid("the schema is nested too deeply");
    const Node& node = schema_[to];
    if (node.kind == Kind::kUnion) return Union(type, to, depth);
    switch (node.kind) {
      case Kind::kRecord:
        if (type.kind != TypeKind::kStruct) return Mismatch(type, to);
        return Record(type.children, to, depth);
      case Kind::kArray: return Array(type, to, depth);
      case Kind::kMap: {
        bool text_keys =
            type.kind == TypeKind::kMap && type.children[0].type.kind == TypeKind::kVarchar;
        if (!text_keys) return Mismatch(type, to);
        int value = TRY(Value(type.children[1].type, node.types[0], depth + 1));
        return Add({.code = Code::kMap, .steps = {value}});
      }
      default: return Scalar(type, to);
    }
  }

  Result<int> Union(const Type& type, int to, int depth) {
    const std::vector<int>& branches = schema_[to].types;
    std::optional<std::string> null;
    for (size_t i = 0; i < branches.size(); ++i) {
      if (schema_[branches[i]].kind == Kind::kNull) null = Branch(i);
    }
    std::optional<int> made = Members(type, to, depth);
    Status first;
    for (size_t i = 0; !made && i < branches.size(); ++i) {
      if (schema_[branches[i]].kind == Kind::kNull) continue;
      Result<int> step = Value(type, branches[i], depth + 1);
      if (!step.ok() && first.ok()) first = step.status();
      if (!step.ok()) continue;
      At(*step).before = Branch(i);
      made = *step;
    }
    if (!made && null && branches.size() == 1) made = Add({.code = Code::kNothing});
    if (!made) return first.ok() ? Mismatch(type, to) : first;
    At(*made).null = null;
    return *made;
  }

  // A struct whose members stand for the branches, as the decoder makes it.
  std::optional<int> Members(const Type& type, int to, int depth) {
    std::vector<int> branches = schema_.Branches(to);
    if (type.kind != TypeKind::kStruct || branches.size() < 2) return std::nullopt;
    std::vector<std::string> names = MemberNames(schema_, to);
    WriteStep step{.code = Code::kMember};
    for (const Column& member : type.children) {
      auto found = std::ranges::find(names, member.name);
      if (found == names.end()) return std::nullopt;
      int branch = branches[static_cast<size_t>(found - names.begin())];
      Result<int> value = Value(member.type, branch, depth + 1);
      if (!value.ok()) return std::nullopt;
      const std::vector<int>& all = schema_[to].types;
      step.steps.push_back(*value);
      step.branches.push_back(
          Branch(static_cast<size_t>(std::ranges::find(all, branch) - all.begin())));
    }
    return Add(std::move(step));
  }

  Result<int> Record(const std::vector<Column>& columns, int to, int depth) {
    const Node& node = schema_[to];
    WriteStep step{.code = Code::kRecord};
    std::vector<bool> taken(columns.size());
    for (const Field& field : node.fields) {
      int column = ColumnFor(columns, field.name);
      step.columns.push_back(column);
      step.names.push_back(field.name);
      if (column < 0) {
        step.defaults.push_back(TRY(Default(field)));
        step.steps.push_back(-1);
        continue;
      }
      taken[static_cast<size_t>(column)] = true;
      Result<int> value = Value(columns[static_cast<size_t>(column)].type, field.type, depth + 1);
      if (!value.ok()) return value.status().In("column '" + field.name + "'");
      step.defaults.emplace_back();
      step.steps.push_back(*value);
    }
    auto extra = std::ranges::find(taken, false);
    if (extra != taken.end()) {
      return Invalid("column '" + columns[static_cast<size_t>(extra - taken.begin())].name +
                         "': " + node.name + " has no such field",
                     "select only columns that the schema has");
    }
    return Add(std::move(step));
  }

  Result<std::string> Default(const Field& field) {
    if (field.default_json) return DefaultBytes(schema_, field.type, *field.default_json);
    if (schema_.IsNullable(field.type)) return DefaultBytes(schema_, field.type, "null");
    return Invalid("there is no column '" + field.name + "', and the schema has no default for it",
                   "select one of this name");
  }

  Result<int> Array(const Type& type, int to, int depth) {
    int element = schema_[to].types[0];
    if (type.kind == TypeKind::kList) {
      int value = TRY(Value(type.children[0].type, element, depth + 1));
      return Add({.code = Code::kArray, .steps = {value}});
    }
    if (type.kind != TypeKind::kMap || schema_[element].kind != Kind::kRecord)
      return Mismatch(type, to);
    int entry = TRY(Record(type.children, element, depth + 1));
    return Add({.code = Code::kEntries, .steps = {entry}});
  }

  Result<int> Scalar(const Type& type, int to) {
    const Node& node = schema_[to];
    TypeKind kind = type.kind;
    bool fits = kind == TypeKind::kVarchar;
    WriteStep step;
    switch (node.logical) {
      case Logical::kNone: return Plain(type, to);
      case Logical::kDecimal: return Decimal(type, to);
      case Logical::kDuration: return Duration(type, to);
      case Logical::kDate:
        step = {.code = Code::kInt, .is_int = true};
        fits = kind == TypeKind::kDate;
        break;
      case Logical::kTimeMillis: step = {.code = Code::kTimeOfDay, .divide = 1000}; break;
      case Logical::kTimeMicros: step = {.code = Code::kTimeOfDay}; break;
      case Logical::kUuid:
        step.code = node.kind == Kind::kFixed ? Code::kUuid : Code::kBytes;
        break;
      default:
        step = {.code = Code::kTime};
        fits = IsTime(kind);
        if (IsMillis(node.logical)) step.divide = 1000;
        if (IsNanos(node.logical)) step.multiply = 1000;
    }
    if (!fits) return Mismatch(type, to);
    return Add(std::move(step));
  }

  Result<int> Plain(const Type& type, int to) {
    const Node& node = schema_[to];
    TypeKind kind = type.kind;
    bool bytes = kind == TypeKind::kVarchar || kind == TypeKind::kBlob;
    switch (node.kind) {
      case Kind::kNull: return Add({.code = Code::kNothing, .null = ""});
      case Kind::kBoolean:
        if (kind == TypeKind::kBoolean) return Add({.code = Code::kBoolean});
        break;
      case Kind::kInt:
      case Kind::kLong:
        if (IsWhole(kind)) return Add({.code = Code::kInt, .is_int = node.kind == Kind::kInt});
        break;
      case Kind::kFloat:
      case Kind::kDouble: {
        int64_t size = node.kind == Kind::kFloat ? 4 : 8;
        if (IsReal(kind)) return Add({.code = Code::kReal, .number = size});
        if (IsWhole(kind)) return Add({.code = Code::kIntToReal, .number = size});
        break;
      }
      case Kind::kString:
        if (kind == TypeKind::kVarchar) return Add({.code = Code::kBytes});
        break;
      case Kind::kBytes:
        if (bytes) return Add({.code = Code::kBytes});
        break;
      case Kind::kFixed:
        if (bytes) return Add({.code = Code::kFixed, .number = node.size});
        break;
      case Kind::kEnum: {
        WriteStep step{.code = Code::kEnum};
        for (const std::string& symbol : node.symbols)
          step.symbols.emplace(symbol, static_cast<int64_t>(step.symbols.size()));
        if (kind == TypeKind::kVarchar) return Add(std::move(step));
        break;
      }
      default: break;
    }
    return Mismatch(type, to);
  }

  Result<int> Decimal(const Type& type, int to) {
    const Node& node = schema_[to];
    if (type.kind != TypeKind::kDecimal || type.scale > node.scale) return Mismatch(type, to);
    return Add({.code = Code::kDecimal,
                .number = node.kind == Kind::kFixed ? node.size : -1,
                .scale = node.scale - type.scale,
                .precision = node.precision});
  }

  Result<int> Duration(const Type& type, int to) {
    bool parts = type.kind == TypeKind::kStruct && type.children.size() == 3;
    for (size_t i = 0; parts && i < 3; ++i) parts = IsWhole(type.children[i].type.kind);
    if (!parts) return Mismatch(type, to);
    return Add({.code = Code::kDuration});
  }

  const AvroSchema& schema_;
  WritePlan& plan_;
};

Result<WritePlan> WritePlan::Make(const Schema& columns, const AvroSchema& schema) {
  WritePlan plan;
  TRY(WritePlanMaker(schema, plan).Make(columns));
  return plan;
}

}  // namespace millrace::avro
