#include "connect/kafka/rejects.h"

#include <atomic>
#include <cstdlib>
#include <utility>

#include "base/base64.h"
#include "data/column_builder.h"
#include "data/column_view.h"
#include "data/one_batch.h"

namespace millrace::kafka {

Status Rejects::Add(const std::string& topic, int partition, const KafkaRecord& record,
                    const std::string& reason) {
  Reject reject{topic + "/" + std::to_string(partition), reason, BytesAsText(record.value),
                record.offset};
  bytes_ += static_cast<int64_t>(sizeof reject + reject.raw.size() + reject.reason.size());
  if (bytes_ > limit_) {
    return {Code::kExhausted,
            std::to_string(rejects_.size()) + " records of one range cannot be decoded, the last " +
                reject.place + " at offset " + std::to_string(reject.offset) + ": " + reason,
            "check `format`; `max_rejected` says how many bytes of them are kept"};
  }
  rejects_.push_back(std::move(reject));
  return Status::Ok();
}

void Rejects::Clear() {
  rejects_.clear();
  bytes_ = 0;
}

Status Rejects::ForEach(RowReader& rejects, const Take& take, std::stop_token stop) {
  while (std::optional<Rows> rows = TRY(rejects.Next(stop))) {
    RowsView view = TRY(RowsView::Of(*rows));
    const ColumnView &place = view.column(0), &offset = view.column(1), &raw = view.column(2);
    for (int64_t row = 0; row < rows->count(); ++row) {
      std::string name(place.IsNull(row) ? "" : place.Bytes(row));
      size_t slash = name.rfind('/');
      std::string value = BytesOfText(raw.Bytes(row));
      KafkaRecord record{.value = value, .has_value = true};
      record.offset = offset.IsNull(row) ? 0 : offset.Int(row);
      int partition = slash == name.npos ? 0 : std::atoi(name.c_str() + slash + 1);
      TRY(take(name.substr(0, slash), partition, record));
    }
  }
  return Status::Ok();
}

Result<std::optional<Sql>> Rejects::ToRelation(Session& session) const {
  if (rejects_.empty()) return std::optional<Sql>();
  static std::atomic<int64_t> number = 0;
  BatchBuilder rows(Schema{{{"_rule", {TypeKind::kVarchar}},
                            {"_reason", {TypeKind::kVarchar}},
                            {"_source_file", {TypeKind::kVarchar}},
                            {"_line", {TypeKind::kBigInt}},
                            {"_raw", {TypeKind::kVarchar}}}});
  for (const Reject& reject : rejects_) {
    rows.column(0).AppendBytes(rule_);
    rows.column(1).AppendBytes(reject.reason);
    rows.column(2).AppendBytes(reject.place);
    rows.column(3).AppendInt(reject.offset);
    rows.column(4).AppendBytes(reject.raw);
    TRY(rows.EndRow());
  }
  std::string name = "millrace_kafka_rejects_" + std::to_string(++number);
  std::string once = name + "_once";
  TRY(session.Bind(once, std::make_unique<OneBatch>(TRY(rows.Take())), {}));
  TRY(session.Materialize(name, {"SELECT * FROM " + once}, {}));
  TRY(session.Drop(once));
  return std::optional(Sql{"SELECT * FROM " + name});
}

}  // namespace millrace::kafka
