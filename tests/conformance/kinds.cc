// Millrace's own connectors, one entry and more each; tests/conformance/registry_test.cc sees that
// none is missing.
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/text.h"
#include "conformance/api_server.h"
#include "conformance/cassandra_world.h"
#include "conformance/content_world.h"
#include "conformance/kafka_world.h"
#include "conformance/postgres_world.h"
#include "conformance/s3_world.h"
#include "conformance/storacha_world.h"
#include "conformance/suite.h"

namespace millrace::conformance {

namespace {

namespace fs = std::filesystem;

// Each call a file of its own.
std::string FreshName(World& world, const std::string& folder, const std::string& ending) {
  fs::create_directories(world.Path(folder));
  auto count = std::distance(fs::directory_iterator(world.Path(folder)), fs::directory_iterator());
  return world.Path(folder) + "/rows-" + std::to_string(count) + ending;
}

std::function<Status(World&, const std::string&)> AddFile(
    const std::string& ending, const std::string& format,
    const std::map<std::string, std::string>& options = {}) {
  return [=](World& world, const std::string& rows) -> Status {
    TRY(world.session().WriteFile({rows}, FreshName(world, "data", ending), format, options, {}));
    return Status::Ok();
  };
}

// Rows behind those that are there already.
Status GrowFile(World& world, const std::string& rows) {
  fs::create_directories(world.Path("data"));
  std::string aside = world.Path("more.csv"), path = world.Path("data/rows.csv");
  bool first = !fs::exists(path);
  TRY(world.session().WriteFile({rows}, aside, "csv", {{"header", first ? "true" : "false"}}, {}));
  std::ofstream(path, std::ios::binary | std::ios::app)
      << std::ifstream(aside, std::ios::binary).rdbuf();
  fs::remove(aside);
  return Status::Ok();
}

Status Land(World& world, const std::string& rows) {
  std::string file = FreshName(world, "incoming", ".parquet");
  TRY(world.session().WriteFile({rows}, file, "parquet", {}, {}));
  std::unique_ptr<Sink> sink = TRY(world.MakeSink("landing", "in", "suite/land"));
  std::optional<Committed> last = TRY(sink->LastCommit("suite/land", {}));
  TRY(sink->Open({}, {}, {}));
  TRY(sink->TakeFiles({{{.path = file}}}, {}));
  return sink->Commit({{"suite/land", last ? last->sequence + 1 : 1}, "", SystemClock().Now()}, {});
}

Status AppendToTable(World& world, const std::string& rows) {
  std::unique_ptr<Sink> sink =
      TRY(world.MakeSink("table", "{name: bronze.rows, mode: append}", "suite/append"));
  std::optional<Committed> last = TRY(sink->LastCommit("suite/append", {}));
  TRY(sink->Open(TRY(world.session().Describe({rows})).schema, {}, {}));
  TRY(sink->WriteFrom(world.session(), {rows}, {}));
  return sink->Commit({{"suite/append", last ? last->sequence + 1 : 1}, "", SystemClock().Now()},
                      {});
}

// An API whose records are those of data.json below its world: one server for all tests.
std::string RestConfig(const std::string& path) {
  return "{url: \"" + ApiServer::Get().base() + "/" + path + "\", error_handler: {max_attempts: 1}}";
}

// What was there and what comes, as one document.
Status Publish(World& world, const std::string& rows) {
  std::string all = world.Path("published.ndjson"), more = world.Path("more.ndjson");
  TRY(world.session().WriteFile({rows}, more, "ndjson", {}, {}));
  std::ofstream(all, std::ios::binary | std::ios::app)
      << std::ifstream(more, std::ios::binary).rdbuf();
  std::ostringstream text;
  text << std::ifstream(all, std::ios::binary).rdbuf();
  ApiServer::Get().Serve("/rows", text.str());
  return Status::Ok();
}

// An object that was not there, in the world's bucket.
Status PutObject(World& world, const std::string& rows) {
  std::string file = FreshName(world, "objects", ".parquet");
  TRY(world.session().WriteFile({rows}, file, "parquet", {}, {}));
  return PutIntoBucket(world.folder(), "data/" + fs::path(file).filename().string(), file);
}

std::unique_ptr<Storage> BesideS3(const std::string& folder) { return LakeBesideS3(folder, false); }
std::unique_ptr<Storage> LandingOnS3(const std::string& folder) {
  return LakeBesideS3(folder, true);
}

// A bucket that is gone.
void RemoveBucket(World& world) { fs::remove_all(S3Bucket(world.folder())); }

// As the server has it on its disk: not what our client says.
std::function<std::string(World&)> ReadBucket(const std::string& glob) {
  return [=](World& world) {
    return "SELECT * FROM read_parquet(" + SqlLiteral(S3Bucket(world.folder()) + "/" + glob) +
           ", union_by_name := true)";
  };
}

std::string KafkaSource(const std::string& topic) {
  return "{topic: \"" + topic + "\", columns: {id: BIGINT, v: VARCHAR}, " + KafkaFields() + "}";
}

SinkKind KafkaSink(const std::string& label, const std::string& delivery) {
  return {.label = label,
          .connector = "kafka",
          .config = "{topic: \"@WORLD@\", key: id, create_topic: {partitions: 2}, delivery: " +
                    delivery + ", " + KafkaFields() + "}",
          .read = ReadTopic,
          .spoil = SpoilTopic,
          .lake = LakeBesideKafka,
          .fixed_shape = true};
}

SinkKind S3Sink(const std::string& label, const std::string& path, const std::string& glob,
                bool replaces) {
  return {.label = label,
          .connector = "s3",
          .config = "{path: \"s3://@WORLD@/" + path + "\", format: parquet, " + S3Fields() + "}",
          .read = ReadBucket(glob),
          .spoil = RemoveBucket,
          .lake = BesideS3,
          .replaces = replaces};
}

// Cassandra has times in milliseconds, no nulls in lists, and columns in their order by name.
constexpr const char* kCassandraTypes =
    "id, b, d, day, f, i, l, CASE WHEN id = 1 THEN [1, 3] END AS li, mp, n, s, st, t, "
    "date_trunc('milliseconds', ts)::TIMESTAMPTZ AS ts, date_trunc('milliseconds', tz) AS tz, v, x";

std::string ReadTable(World& world) {
  std::unique_ptr<Table> table = world.lake().Open(*ParseTableName("silver.rows"));
  Result<Snapshot> snapshot = table->Load();
  if (!snapshot.ok()) return "SELECT NULL AS id, NULL AS v WHERE false";
  Result<Sql> scan = table->Scan(world.session(), *snapshot);
  return scan.ok() ? scan->text
                   : "SELECT " + SqlLiteral(scan.status().ToString()) + " AS id, NULL AS v";
}

std::function<std::string(World&)> ReadParquet(const std::string& glob) {
  return [=](World& world) {
    return "SELECT * FROM read_parquet(" + SqlLiteral(world.Path(glob)) +
           ", union_by_name := true)";
  };
}

// A file where a folder must be: nobody can write into it, not even root.
std::function<void(World&)> FileInTheWay(const std::string& path) {
  return [=](World& world) {
    fs::create_directories(fs::path(world.Path(path)).parent_path());
    std::ofstream(world.Path(path)) << "in the way";
  };
}

SinkKind TableSink(const std::string& label, const std::string& more, bool replaces) {
  return {.label = label,
          .connector = "table",
          .config = "{name: silver.rows, " + more + "}",
          .read = ReadTable,
          .spoil = FileInTheWay("lake/silver"),
          .replaces = replaces};
}

std::string PostgresConfig(const std::string& table, const std::string& more) {
  return "{table: \"@WORLD@." + table + "\", " + more + ", " + PostgresFields() + "}";
}

SinkKind PostgresSink(const std::string& label, const std::string& more, bool replaces) {
  return {.label = label,
          .connector = "postgres",
          .config = PostgresConfig("rows", more),
          .read = ReadFromPostgres,
          .spoil = SpoilPostgres,
          .lake = LakeBesidePostgres,
          .replaces = replaces};
}

SinkKind FileSink(const std::string& label, const std::string& config, const std::string& glob,
                  bool replaces) {
  return {.label = label,
          .connector = "file",
          .config = config,
          .read = ReadParquet(glob),
          .spoil = FileInTheWay("out"),
          .replaces = replaces};
}

SinkKind ArchiveSink(const std::string& label, const std::string& more, bool replaces) {
  return {.label = label,
          .connector = "decentralized",
          .config = "{targets: [archive], archive: {folder: kept}, path: rows.parquet" + more + "}",
          .read = [=](World& world) { return ReadArchive(world, !replaces); },
          .spoil = FileInTheWay("kept"),
          .replaces = replaces};
}

}  // namespace

void RegisterConnectors(Registry& registry) { RegisterAll(registry); }

std::vector<SourceKind> SourceKinds() {
  const std::string missing = "missing/*.csv";
  return {
      {.label = "cassandra",
       .connector = "cassandra",
       .config = CassandraConfig("rows"),
       .missing_config = CassandraConfig("missing"),
       .add = AddToCassandra,
       .lake = LakeBesideCassandra,
       .types = kCassandraTypes},
      {.label = "file_csv",
       .connector = "file",
       .config = "\"data/*.csv\"",
       .missing_config = missing,
       .add = AddFile(".csv", "csv"),
       .untyped = true},
      {.label = "file_csv_grows",
       .connector = "file",
       .config = "data/rows.csv",
       .missing_config = "missing.csv",
       .add = GrowFile,
       .fixed_shape = true},
      {.label = "file_csv_gzip",
       .connector = "file",
       .config = "data",
       .missing_config = "missing",
       .add = AddFile(".csv.gz", "csv", {{"compression", "gzip"}}),
       .untyped = true},
      {.label = "file_ndjson",
       .connector = "file",
       .config = "\"data/*.ndjson\"",
       .missing_config = missing,
       .add = AddFile(".ndjson", "ndjson"),
       .untyped = true},
      {.label = "file_json",
       .connector = "file",
       .config = "\"data/*.json\"",
       .missing_config = missing,
       .add = AddFile(".json", "json"),
       .untyped = true},
      {.label = "file_parquet",
       .connector = "file",
       .config = "\"data/*.parquet\"",
       .missing_config = missing,
       .add = AddFile(".parquet", "parquet")},
      {.label = "ipfs_car",
       .connector = "ipfs",
       .config = "{car: data.car}",
       .missing_config = "{car: missing.car}",
       .add = AddToCar},
      {.label = "kafka",
       .connector = "kafka",
       .config = KafkaSource("@WORLD@"),
       .missing_config = KafkaSource("missing"),
       .add = SendRows,
       .lake = LakeBesideKafka,
       .fixed_shape = true},
      {.label = "landing",
       .connector = "landing",
       .config = "in/*.parquet",
       .missing_config = "missing",
       .add = Land},
      {.label = "landing_on_s3",
       .connector = "landing",
       .config = "in/*.parquet",
       .missing_config = "missing",
       .add = Land,
       .lake = LandingOnS3},
      {.label = "postgres",
       .connector = "postgres",
       .config = PostgresConfig("rows", "cursor: id"),
       .missing_config = PostgresConfig("missing", "cursor: id"),
       .add = InsertIntoPostgres,
       .lake = LakeBesidePostgres,
       .untyped = true},
      {.label = "rest",
       .connector = "rest",
       .config = RestConfig("rows"),
       .missing_config = RestConfig("missing"),
       .add = Publish,
       .untyped = true},
      {.label = "s3",
       .connector = "s3",
       .config = "{path: \"s3://@WORLD@/data/*.parquet\", " + S3Fields() + "}",
       .missing_config = "{path: \"s3://@WORLD@/missing/*\", " + S3Fields() + "}",
       .add = PutObject,
       .lake = BesideS3},
      {.label = "table",
       .connector = "table",
       .config = "{name: bronze.rows, incremental: true}",
       .missing_config = "bronze.missing",
       .add = AppendToTable},
  };
}

std::vector<SinkKind> SinkKinds() {
  return {
      {.label = "cassandra",
       .connector = "cassandra",
       .config = CassandraConfig("rows", ", key: id, create_keyspace: {}"),
       .read = ReadCassandra,
       .spoil = SpoilCassandra,
       .lake = LakeBesideCassandra,
       .types = kCassandraTypes,
       .shows_early = true},
      ArchiveSink("decentralized_append", ", mode: append", false),
      ArchiveSink("decentralized_replace", ", shard_size: 2MB", true),
      FileSink("file_a_commit", "{path: out/, format: parquet}", "out/*.parquet", false),
      FileSink("file_replaced", "out/rows.parquet", "out/rows.parquet", true),
      {.label = "ipfs",
       .connector = "ipfs",
       .config = "{api: \"" + NodeAddress() + "\", path: rows.parquet}",
       .read = ReadNode,
       .spoil = FileInTheWay(".millrace/uploads"),
       .lake = LakeBesideNode,
       .replaces = true},
      KafkaSink("kafka_exactly_once", "exactly_once"),
      {.label = "landing",
       .connector = "landing",
       .config = "in",
       .read = ReadParquet("lake/landing/in/*.parquet"),
       .spoil = FileInTheWay("lake/landing")},
      {.label = "landing_on_s3",
       .connector = "landing",
       .config = "in",
       .read = ReadBucket("landing/in/*.parquet"),
       .spoil = RemoveBucket,
       .lake = LandingOnS3},
      PostgresSink("postgres_append", "mode: append", false),
      PostgresSink("postgres_replace", "mode: replace", true),
      PostgresSink("postgres_merge", "mode: merge, key: id", false),
      PostgresSink("postgres_delete_insert", "mode: delete_insert, key: id", false),
      S3Sink("s3_a_commit", "out/", "out/*.parquet", false),
      S3Sink("s3_replaced", "out/rows.parquet", "out/rows.parquet", true),
      {.label = "storacha",
       .connector = "storacha",
       .config = "{" + StorachaFields() + ", path: rows.parquet}",
       .read = ReadStoracha,
       .spoil = FileInTheWay(".millrace/uploads"),
       .lake = LakeBesideStoracha,
       .replaces = true},
      TableSink("table_append", "mode: append", false),
      TableSink("table_replace", "mode: replace", true),
      TableSink("table_merge", "mode: merge, key: id", false),
      TableSink("table_delete_insert", "mode: delete_insert, key: id", false),
  };
}

}  // namespace millrace::conformance
