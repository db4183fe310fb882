#include "lake/table_state.h"

#include <algorithm>
#include <tuple>

#include "lake/file_url.h"
#include "lake/schema_json.h"
#include "lake/table_features.h"

namespace millrace {

Time FromMillis(int64_t millis) { return Time(std::chrono::milliseconds(millis)); }

int64_t ToMillis(Time time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

namespace {

// Who vacuums spares a file that is young, or that was removed lately. Of one that was removed soon
// after it was written its own time says as much: a stream whose small files become large ones
// minute by minute would gather tombstones without end.
bool NeedsTombstone(const FileMap<AddFile>& files, const RemoveFile& remove,
                    const std::string& key) {
  constexpr int64_t kSoon = std::chrono::milliseconds(std::chrono::hours(1)).count();
  const AddFile* add = files.Find(key);
  return add == nullptr || !remove.deleted || *remove.deleted - add->modified > kSoon;
}

}  // namespace

Status TableState::Apply(const LogEntry& entry) {
  if (entry.protocol) protocol = *entry.protocol;
  if (entry.metadata) {
    schema = TRY(ParseSchemaJson(entry.metadata->schema_json));
    metadata = *entry.metadata;
  }
  for (const RemoveFile& remove : entry.removes) {
    std::string key = FileKey(remove.path, remove.deletion_vector);
    if (NeedsTombstone(files, remove, key)) tombstones.Put(remove);
    files.Erase(key);
  }
  for (const AddFile& add : entry.adds) {
    tombstones.Erase(FileKey(add.path, add.deletion_vector));
    files.Put(add);
  }
  for (const TxnAction& txn : entry.txns) {
    AppTransaction& known = transactions[txn.application];
    known = {txn.version, txn.updated, std::nullopt};
    if (entry.note && entry.note->task == txn.application && entry.note->sequence == txn.version) {
      known.position = entry.note->position;
    }
  }
  for (const DomainMetadata& domain : entry.domains) {
    if (domain.removed) {
      domains.erase(domain.domain);
    } else {
      domains[domain.domain] = domain.configuration;
    }
  }
  if (entry.note && entry.note->timestamp) {
    // Versions are in order of time, whatever the writers' clocks said.
    committed =
        std::max(FromMillis(*entry.note->timestamp), committed + std::chrono::milliseconds(1));
  }
  return Status::Ok();
}

Status TableState::CheckWhole() const {
  if (metadata.schema_json.empty()) return Invalid("its log has no metaData action");
  for (const std::string& column : metadata.partition_by) {
    if (!schema.Find(column))
      return Invalid("its partition column '" + column + "' is not in its schema");
  }
  return Status::Ok();
}

DataFile ToDataFile(const AddFile& add) {
  return {.path = DecodePath(add.path),
          .partition = add.partition,
          .size = add.size,
          .rows = RowsInStats(add.stats),
          .modified = FromMillis(add.modified),
          .stats = add.stats,
          .has_deletion_vector = !add.deletion_vector.empty()};
}

Snapshot TableState::ToSnapshot() const {
  Snapshot snapshot;
  snapshot.version = version;
  snapshot.committed = committed;
  snapshot.table_id = metadata.id;
  snapshot.schema = schema;
  snapshot.partition_by = metadata.partition_by;
  snapshot.properties = metadata.configuration;
  for (const auto& [key, file] : files) snapshot.files.push_back(ToDataFile(file->action));
  std::ranges::sort(snapshot.files, {},
                    [](const DataFile& file) { return std::tie(file.modified, file.path); });
  for (const auto& [application, txn] : transactions) {
    snapshot.transactions[application] = {txn.version, txn.position.value_or("")};
  }
  snapshot.foreign_features = NeedsForeignReader(*this);
  return snapshot;
}

int64_t Snapshot::rows() const {
  int64_t sum = 0;
  for (const DataFile& file : files) {
    // The rows that a deletion vector takes away are not counted in the file's figure.
    if (file.rows < 0 || file.has_deletion_vector) return -1;
    sum += file.rows;
  }
  return sum;
}

int64_t Snapshot::bytes() const {
  int64_t sum = 0;
  for (const DataFile& file : files) sum += file.size;
  return sum;
}

}  // namespace millrace
