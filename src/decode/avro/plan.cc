#include "decode/avro/plan.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/text.h"

namespace millrace::avro {

namespace {

using Code = Step::Code;

constexpr size_t kMostSteps = 200'000;
constexpr int kDeepest = 128;

bool IsNamed(Kind kind) {
  return kind == Kind::kRecord || kind == Kind::kEnum || kind == Kind::kFixed;
}

// What logical types that are times count in.
struct TimeUnit {
  enum { kNone, kUtc, kLocal, kOfDay } family = kNone;
  int64_t multiply = 1, divide = 1;  // to microseconds
};

TimeUnit UnitOf(Logical logical) {
  switch (logical) {
    case Logical::kTimeMillis: return {TimeUnit::kOfDay, 1000, 1};
    case Logical::kTimeMicros: return {TimeUnit::kOfDay, 1, 1};
    case Logical::kTimestampMillis: return {TimeUnit::kUtc, 1000, 1};
    case Logical::kTimestampMicros: return {TimeUnit::kUtc, 1, 1};
    case Logical::kTimestampNanos: return {TimeUnit::kUtc, 1, 1000};
    case Logical::kLocalTimestampMillis: return {TimeUnit::kLocal, 1000, 1};
    case Logical::kLocalTimestampMicros: return {TimeUnit::kLocal, 1, 1};
    case Logical::kLocalTimestampNanos: return {TimeUnit::kLocal, 1, 1000};
    default: return {};
  }
}

// Whether a value of `writer` may be read as one of `reader`, if what is inside can, too.
bool KindsMatch(Kind writer, Kind reader) {
  if (writer == reader) return true;
  switch (writer) {
    case Kind::kInt:
      return reader == Kind::kLong || reader == Kind::kFloat || reader == Kind::kDouble;
    case Kind::kLong: return reader == Kind::kFloat || reader == Kind::kDouble;
    case Kind::kFloat: return reader == Kind::kDouble;
    case Kind::kString: return reader == Kind::kBytes;
    case Kind::kBytes: return reader == Kind::kString;
    default: return false;
  }
}

bool NamesMatch(const Node& writer, const Node& reader) {
  return ShortName(writer.name) == ShortName(reader.name) ||
         std::ranges::find(reader.aliases, writer.name) != reader.aliases.end();
}

}  // namespace

class PlanMaker {
 public:
  PlanMaker(const AvroSchema& writer, const AvroSchema& reader, BatchBuilder& rows, Plan& plan)
      : writer_(writer), reader_(reader), rows_(rows), plan_(plan) {}

  Status Make() {
    int root = reader_.root();
    bool is_record = reader_[root].kind == Kind::kRecord;
    ColumnBuilder* out = is_record ? nullptr : &rows_.column(0);
    plan_.root_ = TRY(Resolve(writer_, writer_.root(), root, out, 0));
    return Status::Ok();
  }

 private:
  Status Mismatch(const AvroSchema& writer, int w, int r) const {
    return Invalid(writer.NameOf(w) + " cannot be read as " + reader_.NameOf(r));
  }

  Result<int> Add(Step step) {
    if (plan_.steps_.size() >= kMostSteps) return Invalid("the schema has too many types");
    plan_.steps_.push_back(std::move(step));
    return static_cast<int>(plan_.steps_.size()) - 1;
  }
  int64_t Least(int step) const { return plan_.steps_[static_cast<size_t>(step)].least; }

  ColumnBuilder* Child(ColumnBuilder* out, size_t index) {
    return out ? &out->child(index) : &rows_.column(index);
  }

  // `writer` is reader_ itself for defaults.
  Result<int> Resolve(const AvroSchema& writer, int w, int r, ColumnBuilder* out, int depth) {
    if (depth > kDeepest) return Invalid("the schema is nested too deeply");
    if (++attempts_ > kMostSteps) return Invalid("the schema has too many types");
    if (writer[w].kind == Kind::kUnion) return ResolveUnion(writer, w, r, out, depth);
    if (reader_[r].kind == Kind::kUnion) return ResolveBranch(writer, w, r, out, depth);
    const Node& from = writer[w];
    const Node& to = reader_[r];
    if (!KindsMatch(from.kind, to.kind)) return Mismatch(writer, w, r);
    bool is_root = &writer == &writer_ && w == writer_.root() && r == reader_.root();
    if (IsNamed(from.kind) && !is_root && !NamesMatch(from, to)) return Mismatch(writer, w, r);
    switch (from.kind) {
      case Kind::kNull: return Add({.code = Code::kNull, .out = out});
      case Kind::kRecord: return ResolveRecord(writer, w, r, out, depth);
      case Kind::kEnum: return ResolveEnum(from, to, out);
      case Kind::kArray:
      case Kind::kMap: return ResolveElements(writer, w, r, out, depth);
      default: return ResolveScalar(writer, w, r, out);
    }
  }

  // Every branch that the writer may choose; those that do not fit fail when they come.
  Result<int> ResolveUnion(const AvroSchema& writer, int w, int r, ColumnBuilder* out, int depth) {
    Step step{.code = Code::kUnion, .least = 1, .out = out};
    Status first;
    bool any = false;
    for (int branch : writer[w].types) {
      Result<int> resolved = Resolve(writer, branch, r, out, depth + 1);
      if (!resolved.ok() && first.ok()) first = resolved.status();
      any = any || resolved.ok();
      step.steps.push_back(
          resolved.ok() ? *resolved
                        : TRY(Add({.code = Code::kFail, .text = resolved.status().message()})));
    }
    if (!any) return first;
    return Add(std::move(step));
  }

  // The reader's branch for a writer's type: the one of the same kind and name, else the first that
  // it can be promoted to.
  Result<int> ResolveBranch(const AvroSchema& writer, int w, int r, ColumnBuilder* out, int depth) {
    const Node& from = writer[w];
    if (from.kind == Kind::kNull && reader_.IsNullable(r))
      return Add({.code = Code::kNull, .out = out});
    std::vector<int> branches = reader_.Branches(r);
    bool is_struct = branches.size() > 1;
    for (bool same : {true, false}) {
      for (size_t i = 0; i < branches.size(); ++i) {
        const Node& to = reader_[branches[i]];
        bool is_same = from.kind == to.kind && (!IsNamed(from.kind) || NamesMatch(from, to));
        if (is_same != same || !KindsMatch(from.kind, to.kind)) continue;
        ColumnBuilder* member = is_struct ? &out->child(i) : out;
        Result<int> resolved = Resolve(writer, w, branches[i], member, depth + 1);
        if (!resolved.ok()) continue;
        if (!is_struct) return resolved;
        return Add({.code = Code::kMember,
                    .number = static_cast<int64_t>(i),
                    .least = Least(*resolved),
                    .out = out,
                    .steps = {*resolved}});
      }
    }
    return Mismatch(writer, w, r);
  }

  Result<int> ResolveRecord(const AvroSchema& writer, int w, int r, ColumnBuilder* out, int depth) {
    const Node& to = reader_[r];
    Step step{.code = Code::kRecord, .out = out};
    std::vector<bool> found(to.fields.size());
    for (const Field& field : writer[w].fields) {
      int one = 0;
      std::optional<size_t> index = FieldFor(field.name, to, found);
      if (index) {
        found[*index] = true;
        Result<int> resolved =
            Resolve(writer, field.type, to.fields[*index].type, Child(out, *index), depth + 1);
        if (!resolved.ok()) return resolved.status().In("field '" + field.name + "'");
        one = *resolved;
      } else {
        one = TRY(Skip(writer, field.type, depth + 1));
      }
      step.least += Least(one);
      step.steps.push_back(one);
      step.names.push_back(field.name);
    }
    for (size_t i = 0; i < found.size(); ++i) {
      if (found[i]) continue;
      step.steps.push_back(TRY(ReadDefault(to.fields[i], Child(out, i), depth)));
      step.names.push_back(to.fields[i].name);
    }
    return Add(std::move(step));
  }

  // By name, else by alias; each of the reader's once.
  static std::optional<size_t> FieldFor(const std::string& name, const Node& to,
                                        const std::vector<bool>& taken) {
    for (bool by_alias : {false, true}) {
      for (size_t i = 0; i < to.fields.size(); ++i) {
        const Field& field = to.fields[i];
        bool fits = by_alias ? std::ranges::find(field.aliases, name) != field.aliases.end()
                             : field.name == name;
        if (fits && !taken[i]) return i;
      }
    }
    return std::nullopt;
  }

  Result<int> ReadDefault(const Field& field, ColumnBuilder* out, int depth) {
    if (!field.default_json)
      return Invalid("field '" + field.name + "' has no default, and the writer does not have it");
    Result<std::string> bytes = DefaultBytes(reader_, field.type, *field.default_json);
    if (!bytes.ok()) return bytes.status().In("field '" + field.name + "'");
    int reads = TRY(Resolve(reader_, field.type, field.type, out, depth + 1));
    return Add({.code = Code::kDefault, .steps = {reads}, .text = *std::move(bytes)});
  }

  Result<int> ResolveEnum(const Node& from, const Node& to, ColumnBuilder* out) {
    Step step{.code = Code::kEnum, .least = 1, .out = out};
    for (const std::string& symbol : from.symbols) {
      bool known = std::ranges::find(to.symbols, symbol) != to.symbols.end();
      step.names.push_back(!known && to.default_symbol ? *to.default_symbol : symbol);
      step.steps.push_back(known || to.default_symbol);
    }
    return Add(std::move(step));
  }

  Result<int> ResolveElements(const AvroSchema& writer, int w, int r, ColumnBuilder* out,
                              int depth) {
    bool is_map = writer[w].kind == Kind::kMap;
    int element = TRY(Resolve(writer, writer[w].types[0], reader_[r].types[0],
                              &out->child(is_map ? 1 : 0), depth + 1));
    return Add(
        {.code = is_map ? Code::kMap : Code::kArray, .least = 1, .out = out, .steps = {element}});
  }

  Result<int> ResolveScalar(const AvroSchema& writer, int w, int r, ColumnBuilder* out) {
    const Node& from = writer[w];
    const Node& to = reader_[r];
    if (to.logical == Logical::kDecimal) return ResolveDecimal(writer, w, r, out);
    if (from.kind == Kind::kFixed) {
      if (from.size != to.size) return Mismatch(writer, w, r);
      Code code = to.logical == Logical::kUuid       ? Code::kUuid
                  : to.logical == Logical::kDuration ? Code::kDuration
                                                     : Code::kFixed;
      return Add({.code = code, .number = from.size, .least = from.size, .out = out});
    }
    TimeUnit unit = UnitOf(to.logical), written = UnitOf(from.logical);
    if (unit.family != TimeUnit::kNone) {
      if (written.family == unit.family) unit = written;  // it counts in the writer's
      bool as_it_is = unit.multiply == 1 && unit.divide == 1;
      return Add({.code = unit.family == TimeUnit::kOfDay ? Code::kTimeOfDay
                          : as_it_is                      ? Code::kLong
                                                          : Code::kTime,
                  .number = unit.multiply,
                  .divide = unit.divide,
                  .least = 1,
                  .out = out});
    }
    Step step{.least = 1, .out = out};
    switch (to.kind) {
      case Kind::kBoolean: step.code = Code::kBoolean; break;
      case Kind::kInt: step.code = Code::kInt; break;
      case Kind::kLong: step.code = from.kind == Kind::kInt ? Code::kInt : Code::kLong; break;
      case Kind::kString: step.code = Code::kText; break;
      case Kind::kBytes: step.code = Code::kBytes; break;
      default:
        step.code = to.kind == Kind::kFloat ? Code::kFloat : Code::kDouble;
        if (from.kind == Kind::kFloat && to.kind == Kind::kDouble) step.code = Code::kFloatToDouble;
        step.least = from.kind == Kind::kFloat ? 4 : 8;
        if (from.kind == Kind::kInt || from.kind == Kind::kLong) {
          step.code = Code::kIntToReal;
          step.least = 1;
        }
    }
    return Add(std::move(step));
  }

  // Wider ones are the same numbers; another scale would be others.
  Result<int> ResolveDecimal(const AvroSchema& writer, int w, int r, ColumnBuilder* out) {
    const Node& from = writer[w];
    const Node& to = reader_[r];
    bool sized = from.kind != Kind::kFixed || from.size == to.size;
    bool same = from.logical != Logical::kDecimal || from.scale == to.scale;
    bool text = from.kind == Kind::kString;
    if (!sized || !same || text) return Mismatch(writer, w, r);
    bool fixed = from.kind == Kind::kFixed;
    return Add({.code = Code::kDecimal,
                .number = fixed ? from.size : -1,
                .least = fixed ? from.size : 1,
                .out = out});
  }

  // A record may hold itself where it is skipped: its step is known before its fields are.
  Result<int> Skip(const AvroSchema& writer, int w, int depth) {
    if (depth > kDeepest) return Invalid("the schema is nested too deeply");
    auto known = skips_.find(w);
    if (known != skips_.end()) return known->second;
    const Node& node = writer[w];
    int made = TRY(Add({.code = Code::kSkipVarint, .least = 1}));
    skips_[w] = made;
    Step step{.least = 1};
    switch (node.kind) {
      case Kind::kNull: step = {.code = Code::kSkipNothing}; break;
      case Kind::kBoolean: step = {.code = Code::kSkipFixed, .number = 1, .least = 1}; break;
      case Kind::kFloat: step = {.code = Code::kSkipFixed, .number = 4, .least = 4}; break;
      case Kind::kDouble: step = {.code = Code::kSkipFixed, .number = 8, .least = 8}; break;
      case Kind::kFixed:
        step = {.code = Code::kSkipFixed, .number = node.size, .least = node.size};
        break;
      case Kind::kBytes:
      case Kind::kString: step.code = Code::kSkipBytes; break;
      case Kind::kArray: step.code = Code::kSkipArray; break;
      case Kind::kMap: step.code = Code::kSkipMap; break;
      case Kind::kUnion: step.code = Code::kSkipUnion; break;
      case Kind::kRecord: step = {.code = Code::kSkipRecord}; break;
      default: step.code = Code::kSkipVarint;
    }
    for (const Field& field : node.fields) {
      step.steps.push_back(TRY(Skip(writer, field.type, depth + 1)));
      step.least += Least(step.steps.back());
    }
    for (int type : node.types) step.steps.push_back(TRY(Skip(writer, type, depth + 1)));
    plan_.steps_[static_cast<size_t>(made)] = std::move(step);
    return made;
  }

  const AvroSchema& writer_;
  const AvroSchema& reader_;
  BatchBuilder& rows_;
  Plan& plan_;
  std::map<int, int> skips_;  // of the writer's types
  size_t attempts_ = 0;
};

Result<Plan> Plan::Make(const AvroSchema& writer, const AvroSchema& reader, BatchBuilder& rows) {
  Plan plan;
  TRY(PlanMaker(writer, reader, rows, plan).Make());
  return plan;
}

}  // namespace millrace::avro
