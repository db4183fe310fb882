// What tests/avro and bench/decode.py drive the records of Avro with.
//
//   avro_driver decode WRITER.avsc READER.avsc   records → lines of JSON; "! why" for what is
//   rejected avro_driver encode SCHEMA.avsc               lines of JSON, by the schema's columns →
//   records avro_driver made SCHEMA.avsc                 the schema that is made of that schema's
//   columns
//
// A record stands on stdin and stdout behind its length: four bytes, the lowest first.
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>

#include "data/column_builder.h"
#include "decode/avro/avro_schema.h"
#include "decode/avro/plan.h"
#include "decode/record_format.h"

namespace millrace {
namespace {

std::string ReadAll(std::istream& in) {
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Result<avro::AvroSchema> SchemaOf(const char* path) {
  std::ifstream in(path);
  return avro::AvroSchema::Parse(ReadAll(in));
}

Status Write(const std::vector<std::string>& rejected, const Schema& schema, const Rows& rows) {
  auto encoder = TRY(MakeRecordEncoder({}, {}));
  TRY(encoder->Open(schema, {}));
  std::vector<std::string> lines;
  auto keep = [&](int64_t, std::string_view line) {
    lines.emplace_back(line);
    return Status::Ok();
  };
  TRY(encoder->Encode(rows, keep, {}));
  auto line = lines.begin();
  for (const std::string& why : rejected) std::cout << (why.empty() ? *line++ : "! " + why) << "\n";
  return Status::Ok();
}

Status Decode(const char* writer_path, const char* reader_path) {
  avro::AvroSchema writer = TRY(SchemaOf(writer_path)), reader = TRY(SchemaOf(reader_path));
  BatchBuilder rows(TRY(avro::ColumnsOf(reader)));
  avro::Plan plan = TRY(avro::Plan::Make(writer, reader, rows));
  std::string input = ReadAll(std::cin);
  std::vector<std::string> rejected;
  for (size_t at = 0; at + 4 <= input.size();) {
    uint32_t size = 0;
    std::memcpy(&size, input.data() + at, 4);
    Status read = plan.Read(std::string_view(input).substr(at + 4, size));
    at += 4 + size;
    rejected.push_back(read.message());
    if (read.ok()) {
      TRY(rows.EndRow());
    } else {
      rows.Rollback();
    }
  }
  return Write(rejected, rows.schema(), TRY(rows.Take()));
}

Status Encode(const char* path) {
  RecordReading json;
  json.columns = TRY(avro::ColumnsOf(TRY(SchemaOf(path))));
  auto decoder = TRY(MakeRecordDecoder(json, {}, {}));
  for (std::string line; std::getline(std::cin, line);) TRY(decoder->Add(line, {}));
  RecordWriting avro;
  avro.format = RecordFormat::kAvro;
  avro.schema = path;
  auto encoder = TRY(MakeRecordEncoder(avro, {}));
  TRY(encoder->Open(decoder->schema(), {}));
  auto write = [](int64_t, std::string_view record) {
    auto size = static_cast<uint32_t>(record.size());
    std::cout.write(reinterpret_cast<const char*>(&size), sizeof size) << record;
    return Status::Ok();
  };
  return encoder->Encode(TRY(decoder->Take()), write, {});
}

Status Made(const char* path) {
  Schema columns = TRY(avro::ColumnsOf(TRY(SchemaOf(path))));
  std::cout << TRY(avro::SchemaTextOf(columns, "com.example.Made")) << "\n";
  return Status::Ok();
}

Status Run(int argc, char** argv) {
  std::string command = argc > 2 ? argv[1] : "";
  if (command == "decode" && argc == 4) return Decode(argv[2], argv[3]);
  if (command == "encode") return Encode(argv[2]);
  if (command == "made") return Made(argv[2]);
  return Invalid("usage: avro_driver decode WRITER READER | encode SCHEMA | made SCHEMA");
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  millrace::Status status = millrace::Run(argc, argv);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
