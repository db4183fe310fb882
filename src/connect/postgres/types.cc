#include "connect/postgres/types.h"

#include <algorithm>

#include "base/text.h"

namespace millrace::postgres {

namespace {

// OIDs of pg_type.dat: they never change.
enum Oid : uint32_t {
  kBoolOid = 16,
  kByteaOid = 17,
  kNameOid = 19,
  kInt8Oid = 20,
  kInt2Oid = 21,
  kInt4Oid = 23,
  kTextOid = 25,
  kOidOid = 26,
  kJsonOid = 114,
  kXmlOid = 142,
  kFloat4Oid = 700,
  kFloat8Oid = 701,
  kUnknownOid = 705,
  kBpcharOid = 1042,
  kVarcharOid = 1043,
  kDateOid = 1082,
  kTimestampOid = 1114,
  kTimestampTzOid = 1184,
  kNumericOid = 1700,
  kUuidOid = 2950,
  kJsonbOid = 3802,
};

PgType Plain(Wire wire, uint32_t oid, TypeKind kind) {
  return {.wire = wire, .oid = oid, .lake = {.kind = kind}};
}

PgType AsText() {
  PgType text = Plain(Wire::kText, kTextOid, TypeKind::kVarchar);
  text.as_text = true;
  return text;
}

PgType ArrayOf(PgType element, uint32_t oid) {
  PgType array{.wire = Wire::kArray, .oid = oid};
  array.as_text = element.as_text;
  array.lake.kind = TypeKind::kList;
  array.lake.children = {{"element", element.lake}};
  array.element = {std::move(element)};
  return array;
}

// The modifier of numeric(p,s) is ((p << 16) | s) + 4.
PgType Numeric(int modifier) {
  PgType type = Plain(Wire::kNumeric, kNumericOid, TypeKind::kVarchar);
  int precision = modifier < 4 ? 0 : ((modifier - 4) >> 16) & 0xffff;
  int scale = modifier < 4 ? 0 : ((((modifier - 4) & 0x7ff) ^ 1024) - 1024);
  if (precision >= 1 && precision <= 38 && scale >= 0 && scale <= precision) {
    type.lake = {.kind = TypeKind::kDecimal, .precision = precision, .scale = scale};
  } else {
    type.any_number = true;
  }
  return type;
}

std::optional<PgType> BuiltIn(uint32_t oid, int modifier) {
  switch (oid) {
    case kBoolOid: return Plain(Wire::kBool, oid, TypeKind::kBoolean);
    case kByteaOid: return Plain(Wire::kBytea, oid, TypeKind::kBlob);
    case kInt2Oid: return Plain(Wire::kInt2, oid, TypeKind::kSmallInt);
    case kInt4Oid: return Plain(Wire::kInt4, oid, TypeKind::kInteger);
    case kInt8Oid: return Plain(Wire::kInt8, oid, TypeKind::kBigInt);
    case kFloat4Oid: return Plain(Wire::kFloat4, oid, TypeKind::kFloat);
    case kFloat8Oid: return Plain(Wire::kFloat8, oid, TypeKind::kDouble);
    case kNumericOid: return Numeric(modifier);
    case kNameOid:
    case kTextOid:
    case kJsonOid:
    case kXmlOid:
    case kUnknownOid:
    case kBpcharOid:
    case kVarcharOid: return Plain(Wire::kText, oid, TypeKind::kVarchar);
    case kJsonbOid: return Plain(Wire::kJsonb, oid, TypeKind::kVarchar);
    case kUuidOid: return Plain(Wire::kUuid, oid, TypeKind::kVarchar);
    case kDateOid: return Plain(Wire::kDate, oid, TypeKind::kDate);
    case kTimestampOid: return Plain(Wire::kTimestamp, oid, TypeKind::kTimestamp);
    case kTimestampTzOid: return Plain(Wire::kTimestampTz, oid, TypeKind::kTimestampTz);
    default: return std::nullopt;
  }
}

// What pg_type says of a type that is not built in here.
struct Entry {
  char kind = 'b';       // b base, c composite, d domain, e enum, m multirange, r range
  uint32_t element = 0;  // of an array
  char element_kind = 'b';
  uint32_t base = 0;  // of a domain
  int base_modifier = -1;
};

PgType Known(uint32_t oid, int modifier, const std::map<uint32_t, Entry>& entries) {
  if (std::optional<PgType> type = BuiltIn(oid, modifier)) return *type;
  auto found = entries.find(oid);
  if (found == entries.end()) return AsText();
  const Entry& entry = found->second;
  if (entry.kind == 'e') return Plain(Wire::kText, oid, TypeKind::kVarchar);
  if (entry.kind == 'd') return BuiltIn(entry.base, entry.base_modifier).value_or(AsText());
  if (!entry.element) return AsText();
  if (entry.element_kind == 'e')
    return ArrayOf(Plain(Wire::kText, entry.element, TypeKind::kVarchar), oid);
  return ArrayOf(BuiltIn(entry.element, modifier).value_or(AsText()), oid);
}

}  // namespace

Result<std::vector<PgType>> TypesOf(const std::vector<TypeName>& names, pg::Connection& connection,
                                    std::stop_token stop) {
  std::vector<std::string> unknown;
  for (const TypeName& name : names) {
    if (!BuiltIn(name.oid, name.modifier)) unknown.push_back(std::to_string(name.oid));
  }
  std::map<uint32_t, Entry> entries;
  if (!unknown.empty()) {
    pg::Answer answer = TRY(connection.Run(
        "SELECT t.oid, t.typtype, CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END, "
        "coalesce(e.typtype, 'b'), t.typbasetype, t.typtypmod FROM pg_catalog.pg_type t "
        "LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem WHERE t.oid IN (" +
            Join(unknown, ", ") + ")",
        stop));
    for (int row = 0; row < answer.rows(); ++row) {
      entries[static_cast<uint32_t>(answer.Number(row, 0))] = {
          .kind = answer.Text(row, 1)[0],
          .element = static_cast<uint32_t>(answer.Number(row, 2)),
          .element_kind = answer.Text(row, 3)[0],
          .base = static_cast<uint32_t>(answer.Number(row, 4)),
          .base_modifier = static_cast<int>(answer.Number(row, 5))};
    }
  }
  std::vector<PgType> types;
  for (const TypeName& name : names) types.push_back(Known(name.oid, name.modifier, entries));
  return types;
}

std::string PgTypeFor(const Type& type) {
  switch (type.kind) {
    case TypeKind::kBoolean: return "boolean";
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt: return "smallint";
    case TypeKind::kInteger: return "integer";
    case TypeKind::kBigInt: return "bigint";
    case TypeKind::kFloat: return "real";
    case TypeKind::kDouble: return "double precision";
    case TypeKind::kDecimal:
      return "numeric(" + std::to_string(type.precision) + "," + std::to_string(type.scale) + ")";
    case TypeKind::kVarchar: return "text";
    case TypeKind::kBlob: return "bytea";
    case TypeKind::kDate: return "date";
    case TypeKind::kTimestamp: return "timestamp";
    case TypeKind::kTimestampTz: return "timestamptz";
    case TypeKind::kList:
      return type.children[0].type.children.empty() ? PgTypeFor(type.children[0].type) + "[]"
                                                    : "jsonb";
    case TypeKind::kStruct:
    case TypeKind::kMap: return "jsonb";
  }
  return "text";
}

PgType TypeOfColumnFor(const Type& type) {
  auto plain = [&](Wire wire, uint32_t oid) {
    PgType made{.wire = wire, .oid = oid, .lake = type};
    return made;
  };
  switch (type.kind) {
    case TypeKind::kBoolean: return plain(Wire::kBool, kBoolOid);
    case TypeKind::kTinyInt:
    case TypeKind::kSmallInt: return Plain(Wire::kInt2, kInt2Oid, TypeKind::kSmallInt);
    case TypeKind::kInteger: return plain(Wire::kInt4, kInt4Oid);
    case TypeKind::kBigInt: return plain(Wire::kInt8, kInt8Oid);
    case TypeKind::kFloat: return plain(Wire::kFloat4, kFloat4Oid);
    case TypeKind::kDouble: return plain(Wire::kFloat8, kFloat8Oid);
    case TypeKind::kDecimal: return plain(Wire::kNumeric, kNumericOid);
    case TypeKind::kVarchar: return plain(Wire::kText, kTextOid);
    case TypeKind::kBlob: return plain(Wire::kBytea, kByteaOid);
    case TypeKind::kDate: return plain(Wire::kDate, kDateOid);
    case TypeKind::kTimestamp: return plain(Wire::kTimestamp, kTimestampOid);
    case TypeKind::kTimestampTz: return plain(Wire::kTimestampTz, kTimestampTzOid);
    case TypeKind::kList:
      if (type.children[0].type.children.empty())
        return ArrayOf(TypeOfColumnFor(type.children[0].type), 0);
      break;
    case TypeKind::kStruct:
    case TypeKind::kMap: break;
  }
  return Plain(Wire::kJsonb, kJsonbOid, TypeKind::kVarchar);
}

}  // namespace millrace::postgres
