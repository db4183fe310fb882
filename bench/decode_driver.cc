// What bench/decode.py measures the decoders of records with.
//
//   decode_driver json LINES SECONDS COLUMNS         lines of JSON → rows; COLUMNS: "id:BIGINT;…"
//   decode_driver simdjson LINES SECONDS             the floor: the same lines, only parsed
//   decode_driver avro RECORDS SECONDS SCHEMA.avsc   records behind their length → rows
//   decode_driver encode-json|encode-avro LINES SECONDS COLUMNS      rows → records
//
// Prints records a second and bytes a second of one core. Batches are of 32,768 rows, as the kafka source makes them.
#include <simdjson.h>

#include <cstdint>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <iterator>

#include "decode/record_format.h"

namespace millrace {
namespace {

constexpr int64_t kBatch = 32'768;

struct Records {
  std::string bytes;
  std::vector<std::string_view> each;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

Records Lines(const std::string& path) {
  Records records{.bytes = ReadFile(path)};
  std::string_view rest = records.bytes;
  for (size_t end; (end = rest.find('\n')) != rest.npos; rest.remove_prefix(end + 1))
    records.each.push_back(rest.substr(0, end));
  return records;
}

Records Framed(const std::string& path) {
  Records records{.bytes = ReadFile(path)};
  std::string_view rest = records.bytes;
  while (rest.size() >= 4) {
    uint32_t size = 0;
    std::memcpy(&size, rest.data(), 4);
    records.each.push_back(rest.substr(4, size));
    rest.remove_prefix(4 + size);
  }
  return records;
}

// Of this thread: who else uses the core does not count.
double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Rounds of all records until the time is over; `round` returns how many bytes went through.
template <class Round>
Status Measure(double seconds, size_t count, const Round& round) {
  double begun = CpuSeconds();
  double passed = 0;
  int64_t rounds = 0, bytes = 0;
  do {
    bytes += TRY(round());
    ++rounds;
    passed = CpuSeconds() - begun;
  } while (passed < seconds);
  std::cout << static_cast<int64_t>(static_cast<double>(count) * static_cast<double>(rounds) /
                                    passed)
            << " " << static_cast<int64_t>(static_cast<double>(bytes) / passed) << "\n";
  return Status::Ok();
}

RecordReading JsonOf(const std::string& columns) {
  RecordReading json;
  for (size_t at = 0; at < columns.size();) {
    size_t colon = columns.find(':', at), end = columns.find(';', at);
    if (end == columns.npos) end = columns.size();
    json.columns.columns.push_back(
        {columns.substr(at, colon - at), *ParseType(columns.substr(colon + 1, end - colon - 1))});
    at = end + 1;
  }
  return json;
}

Result<int64_t> DecodeAll(RecordDecoder& decoder, const Records& records, std::vector<Rows>* keep) {
  int64_t bytes = 0;
  for (std::string_view record : records.each) {
    TRY(decoder.Add(record, {}));
    bytes += static_cast<int64_t>(record.size());
    if (decoder.count() < kBatch) continue;
    Rows rows = TRY(decoder.Take());
    if (keep) keep->push_back(std::move(rows));
  }
  Rows rows = TRY(decoder.Take());
  if (keep) keep->push_back(std::move(rows));
  return bytes;
}

Status Decode(const RecordReading& config, const Records& records, double seconds) {
  auto decoder = TRY(MakeRecordDecoder(config, {}, {}));
  return Measure(seconds, records.each.size(),
                 [&] { return DecodeAll(*decoder, records, nullptr); });
}

Status Encode(const RecordReading& from, const RecordWriting& to, const Records& records,
              double seconds) {
  auto decoder = TRY(MakeRecordDecoder(from, {}, {}));
  std::vector<Rows> batches;
  TRY(DecodeAll(*decoder, records, &batches));
  auto encoder = TRY(MakeRecordEncoder(to, {}));
  TRY(encoder->Open(decoder->schema(), {}));
  return Measure(seconds, records.each.size(), [&]() -> Result<int64_t> {
    int64_t bytes = 0;
    auto count = [&](int64_t, std::string_view record) {
      bytes += static_cast<int64_t>(record.size());
      return Status::Ok();
    };
    for (const Rows& rows : batches) TRY(encoder->Encode(rows, count, {}));
    return bytes;
  });
}

Status ParseOnly(const Records& records, double seconds) {
  simdjson::dom::parser parser;
  std::vector<char> padded(1 << 20);
  return Measure(seconds, records.each.size(), [&]() -> Result<int64_t> {
    int64_t bytes = 0;
    for (std::string_view record : records.each) {
      std::memcpy(padded.data(), record.data(), record.size());
      if (parser.parse(padded.data(), record.size(), false).error()) return Invalid("no JSON");
      bytes += static_cast<int64_t>(record.size());
    }
    return bytes;
  });
}

Status Run(const std::vector<std::string>& words) {
  std::string what = words[0];
  if (what == "simdjson") return ParseOnly(Lines(words[1]), std::stod(words[2]));
  if (what == "json") return Decode(JsonOf(words[3]), Lines(words[1]), std::stod(words[2]));
  RecordReading avro;
  avro.format = RecordFormat::kAvro;
  RecordWriting writing;
  if (what == "avro") {
    avro.schema = words[3];
    return Decode(avro, Framed(words[1]), std::stod(words[2]));
  }
  if (what == "encode-json")
    return Encode(JsonOf(words[3]), writing, Lines(words[1]), std::stod(words[2]));
  if (what == "encode-avro") {
    writing.format = RecordFormat::kAvro;
    return Encode(JsonOf(words[3]), writing, Lines(words[1]), std::stod(words[2]));
  }
  return Invalid("unknown: " + what);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  millrace::Status status = words.size() < 3 ? millrace::Invalid("see the top of decode_driver.cc")
                                             : millrace::Run(words);
  if (!status.ok()) std::cerr << status.ToString() << "\n";
  return status.ok() ? 0 : 1;
}
