#include "connect/kafka/metadata.h"

#include <array>
#include <utility>

#include "base/base64.h"
#include "base/text.h"
#include "base/utf8.h"

namespace millrace::kafka {

namespace {

constexpr std::array<std::pair<std::string_view, MetadataColumn>, 7> kColumns = {{
    {"_key", MetadataColumn::kKey},
    {"_topic", MetadataColumn::kTopic},
    {"_partition", MetadataColumn::kPartition},
    {"_offset", MetadataColumn::kOffset},
    {"_timestamp", MetadataColumn::kTimestamp},
    {"_headers", MetadataColumn::kHeaders},
    {"_tombstone", MetadataColumn::kTombstone},
}};

Type TypeOf(MetadataColumn column, KeyFormat key_format) {
  switch (column) {
    case MetadataColumn::kKey:
      return {key_format == KeyFormat::kText ? TypeKind::kVarchar : TypeKind::kBlob};
    case MetadataColumn::kTopic: return {TypeKind::kVarchar};
    case MetadataColumn::kPartition: return {TypeKind::kInteger};
    case MetadataColumn::kOffset: return {TypeKind::kBigInt};
    case MetadataColumn::kTimestamp: return {TypeKind::kTimestampTz};
    case MetadataColumn::kHeaders:
      return {.kind = TypeKind::kMap,
              .children = {{"key", {TypeKind::kVarchar}, false}, {"value", {TypeKind::kVarchar}}}};
    case MetadataColumn::kTombstone: return {TypeKind::kBoolean};
  }
  return {};
}

Schema SchemaOf(const std::vector<MetadataColumn>& columns, KeyFormat key_format) {
  Schema schema;
  for (MetadataColumn column : columns)
    schema.columns.push_back({std::string(NameOf(column)), TypeOf(column, key_format)});
  return schema;
}

// Text is what most of them are; what is none is kept as Base64.
void AppendText(ColumnBuilder& column, std::string_view bytes) {
  if (IsUtf8Text(bytes))
    column.AppendBytes(bytes);
  else
    column.AppendBytes(BytesAsText(bytes));
}

void AppendHeaders(ColumnBuilder& column, const KafkaRecord& record) {
  ForEachHeader(record, [&](std::string_view name, std::optional<std::string_view> value) {
    AppendText(column.child(0), name);
    if (value)
      AppendText(column.child(1), *value);
    else
      column.child(1).AppendNull();
  });
  column.EndList();
}

}  // namespace

std::string_view NameOf(MetadataColumn column) {
  for (const auto& [name, each] : kColumns) {
    if (each == column) return name;
  }
  return "";
}

std::optional<MetadataColumn> MetadataColumnOf(std::string_view name) {
  for (const auto& [each, column] : kColumns) {
    if (each == name) return column;
  }
  return std::nullopt;
}

Result<std::vector<MetadataColumn>> ParseMetadata(const YamlNode& node) {
  using enum MetadataColumn;
  if (node.IsNull()) return std::vector{kKey, kPartition, kOffset, kTimestamp};
  if (node.IsScalar() && !node.quoted && node.scalar == "false")
    return std::vector<MetadataColumn>();
  if (node.IsScalar() && !node.quoted && node.scalar == "true")
    return std::vector{kKey, kTopic, kPartition, kOffset, kTimestamp, kHeaders, kTombstone};
  std::vector<std::string> names;
  for (const auto& [name, column] : kColumns) names.emplace_back(name);
  if (!node.IsList()) return Invalid("'metadata' is " + node.Show(),
                                     "write true, false or some of " + Join(names, ", "));
  std::vector<MetadataColumn> columns;
  for (const YamlNode& item : node.items) {
    auto column = item.IsScalar() ? MetadataColumnOf(item.scalar) : std::nullopt;
    if (!column)
      return Invalid("'metadata' has no column " + item.Show(), "there are " + Join(names, ", "));
    columns.push_back(*column);
  }
  return columns;
}

MetadataBuilder::MetadataBuilder(std::vector<MetadataColumn> columns, KeyFormat key_format)
    : columns_(std::move(columns)),
      key_format_(key_format),
      rows_(SchemaOf(columns_, key_format)) {}

Status MetadataBuilder::Add(const std::string& topic, int partition, const KafkaRecord& record) {
  for (size_t i = 0; i < columns_.size(); ++i) {
    ColumnBuilder& column = rows_.column(i);
    switch (columns_[i]) {
      case MetadataColumn::kKey:
        if (!record.has_key)
          column.AppendNull();
        else if (key_format_ == KeyFormat::kText)
          AppendText(column, record.key);
        else
          column.AppendBytes(record.key);
        break;
      case MetadataColumn::kTopic: column.AppendBytes(topic); break;
      case MetadataColumn::kPartition: column.AppendInt(partition); break;
      case MetadataColumn::kOffset: column.AppendInt(record.offset); break;
      case MetadataColumn::kTimestamp:
        if (record.timestamp < 0)
          column.AppendNull();
        else
          column.AppendInt(record.timestamp * 1000);
        break;
      case MetadataColumn::kHeaders: AppendHeaders(column, record); break;
      case MetadataColumn::kTombstone: column.AppendBool(!record.has_value); break;
    }
  }
  return rows_.EndRow();
}

}  // namespace millrace::kafka
