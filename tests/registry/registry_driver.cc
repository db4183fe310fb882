// What tests/registry drives records with a schema registry with.
//
//   registry_driver test CONFIG            as `connections test` does
//   registry_driver read CONFIG            records → lines of JSON, "! why" for what is rejected
//   registry_driver write CONFIG COLUMNS   lines of JSON → records
//   registry_driver check CONFIG COLUMNS   as `validate --online` does
//
// CONFIG and COLUMNS are YAML: {topic: t, registry: {url: …}, format: avro, …}, {id: BIGINT}. A
// record stands on stdin and stdout behind its length: four bytes, the lowest first. What was asked
// of the registry goes to stderr, a line each.
#include <cstdint>
#include <cstring>
#include <iostream>
#include <iterator>

#include "base/env.h"
#include "config/diagnostics.h"
#include "decode/record_format.h"

namespace millrace {
namespace {

struct ReadConfig : RecordReading {
  std::string topic;
  std::optional<SchemaRegistryConfig> registry;
};
struct WriteConfig : RecordWriting {
  std::string topic;
  std::optional<SchemaRegistryConfig> registry;
};
struct Shape {
  Schema columns;
};

template <class Config>
Spec<Config> SpecOf() {
  Spec<Config> spec("records", "Of a topic.");
  spec.Field("topic", &Config::topic, "Its name.");
  spec.Group("registry", &Config::registry, SchemaRegistrySpec(), "Where schemas are.");
  return spec;
}

template <class Config>
Result<Config> Parsed(const Spec<Config>& spec, const std::string& yaml) {
  Diagnostics diagnostics;
  std::optional<Config> config = spec.Parse(ParseYaml(yaml, "config", diagnostics), diagnostics);
  if (!config) return diagnostics.ToStatus();
  return *std::move(config);
}

Result<Schema> Columns(const std::string& yaml) {
  Spec<Shape> spec("columns", "Of the rows.");
  spec.Field("columns", &Shape::columns, "Names and types.").Short("columns");
  return TRY(Parsed(spec, "columns: " + yaml)).columns;
}

template <class Config>
Result<std::unique_ptr<SchemaRegistry>> Registry(const Config& config) {
  auto log = [](const http::Exchange& exchange) {
    std::cerr << exchange.method << " " << exchange.url << " " << exchange.status << "\n";
  };
  if (!config.registry) return std::unique_ptr<SchemaRegistry>();
  return SchemaRegistry::Create(*config.registry, SystemClock(), log);
}

Status Show(const Schema& schema, const Rows& rows) {
  auto encoder = TRY(MakeRecordEncoder({}, {}));
  TRY(encoder->Open(schema, {}));
  auto print = [](int64_t, std::string_view line) {
    std::cout << line << "\n";
    return Status::Ok();
  };
  return encoder->Encode(rows, print, {});
}

Status Read(const std::string& yaml) {
  Spec<ReadConfig> spec = SpecOf<ReadConfig>();
  AddRecordReadingFields(spec);
  ReadConfig config = TRY(Parsed(spec, yaml));
  auto registry = TRY(Registry(config));
  auto decoder =
      TRY(MakeRecordDecoder(config, {.topic = config.topic, .registry = registry.get()}, {}));
  std::string input{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  for (size_t at = 0; at + 4 <= input.size();) {
    uint32_t size = 0;
    std::memcpy(&size, input.data() + at, 4);
    Status added = decoder->Add(std::string_view(input).substr(at + 4, size), {});
    at += 4 + size;
    if (added.code() == Code::kRejected) {
      std::cout << "! " << added.message() << "\n";
      continue;
    }
    TRY(added);
    TRY(Show(decoder->schema(), TRY(decoder->Take())));
  }
  return Show(decoder->schema(), TRY(decoder->Take()));
}

Result<WriteConfig> Writing(const std::string& yaml) {
  Spec<WriteConfig> spec = SpecOf<WriteConfig>();
  AddRecordWritingFields(spec);
  return Parsed(spec, yaml);
}

Status Write(const std::string& yaml, const std::string& columns) {
  WriteConfig config = TRY(Writing(yaml));
  auto registry = TRY(Registry(config));
  RecordReading json;
  json.columns = TRY(Columns(columns));
  auto decoder = TRY(MakeRecordDecoder(json, {}, {}));
  for (std::string line; std::getline(std::cin, line);) TRY(decoder->Add(line, {}));
  auto encoder =
      TRY(MakeRecordEncoder(config, {.topic = config.topic, .registry = registry.get()}));
  TRY(encoder->Open(decoder->schema(), {}));
  auto write = [](int64_t, std::string_view record) {
    auto size = static_cast<uint32_t>(record.size());
    std::cout.write(reinterpret_cast<const char*>(&size), sizeof size) << record;
    return Status::Ok();
  };
  return encoder->Encode(TRY(decoder->Take()), write, {});
}

Status Check(const std::string& yaml, const std::string& columns) {
  WriteConfig config = TRY(Writing(yaml));
  auto registry = TRY(Registry(config));
  return CheckWriterSchema(config, {.topic = config.topic, .registry = registry.get()},
                           TRY(Columns(columns)), {});
}

Status Test(const std::string& yaml) {
  std::cout << TRY(TestSchemaRegistry(TRY(Parsed(SchemaRegistrySpec(), yaml)), {})) << "\n";
  return Status::Ok();
}

Status Run(int argc, char** argv) {
  std::string command = argc > 2 ? argv[1] : "";
  if (command == "test") return Test(argv[2]);
  if (command == "read") return Read(argv[2]);
  if (command == "write" && argc == 4) return Write(argv[2], argv[3]);
  if (command == "check" && argc == 4) return Check(argv[2], argv[3]);
  return Invalid("usage: registry_driver test|read CONFIG | write|check CONFIG COLUMNS");
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  millrace::Status status = millrace::Run(argc, argv);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
