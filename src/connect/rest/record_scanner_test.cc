#include "connect/rest/record_scanner.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace millrace::rest {
namespace {

struct Scanned {
  std::vector<std::string> records;
  std::string beside;
  Status status;
};

// Fed with pieces of `size` bytes.
Scanned Scan(const std::string& document, const std::string& path, size_t size,
             int64_t max_record = 1000) {
  Scanned scanned;
  RecordScanner scanner(
      *JsonPath::Parse(path), max_record, [&](std::string_view record, int64_t offset) {
        EXPECT_EQ(document.substr(static_cast<size_t>(offset), record.size()), record);
        scanned.records.emplace_back(record);
        return Status::Ok();
      });
  for (size_t at = 0; at < document.size() && scanned.status.ok(); at += size) {
    std::string piece = document.substr(at, size) + std::string(RecordScanner::kPadding, ' ');
    scanned.status =
        scanner.Feed(std::string_view(piece).substr(0, piece.size() - RecordScanner::kPadding));
  }
  if (scanned.status.ok()) scanned.status = scanner.Finish();
  scanned.beside = scanner.beside();
  return scanned;
}

void Expect(const std::string& document, const std::string& path,
            const std::vector<std::string>& records, const std::string& beside) {
  for (size_t size = 1; size <= document.size() + 1; ++size) {
    Scanned scanned = Scan(document, path, size);
    ASSERT_TRUE(scanned.status.ok()) << scanned.status.ToString() << " in pieces of " << size;
    ASSERT_EQ(scanned.records, records) << "in pieces of " << size;
    ASSERT_EQ(scanned.beside, beside) << "in pieces of " << size;
  }
}

using Texts = std::vector<std::string>;

TEST(RecordScanner, TheDocumentIsTheList) {
  Expect(R"( [{"a": [1, "]"]}, 2, "x,\"y", null, [3]] )", "",
         {R"({"a": [1, "]"]})", "2", R"("x,\"y")", "null", "[3]"}, " [] ");
  Expect("[]", "", {}, "[]");
}

TEST(RecordScanner, AListSomewhereInside) {
  Expect(
      R"({"n": {"data": [9]}, "data": {"items": [{"a": 1}, {"b": "}"}], "z": [0]}, "next": "u"})",
      "data.items", {R"({"a": 1})", R"({"b": "}"})"},
      R"({"n": {"data": [9]}, "data": {"items": [], "z": [0]}, "next": "u"})");
  Expect(R"({"d\u0061ta": [1]})", "data", {"1"}, R"({"d\u0061ta": []})");
  Expect(R"({"data": null, "x": -1.5e3})", "data", {}, R"({"data": null, "x": -1.5e3})");
}

TEST(RecordScanner, ThroughLists) {
  const std::string document = R"({"g": [{"m": [1, 2]}, {"k": 0}, {"m": [3]}]})";
  Expect(document, "g[*].m", {"1", "2", "3"}, R"({"g": [{"m": []}, {"k": 0}, {"m": []}]})");
  Expect(document, "g[2].m", {"3"}, R"({"g": [{"m": [1, 2]}, {"k": 0}, {"m": []}]})");
  Expect(document, "g[*].m[*]", {"1", "2", "3"},
         R"({"g": [{"m": [null, null]}, {"k": 0}, {"m": [null]}]})");
}

// Blocks of 64 bytes are looked at together: ends, escapes and brackets at every place in one.
TEST(RecordScanner, LongRecords) {
  const char* kTexts[] = {"plain", "}]", "\\\\", "\\\"}", "{[\\\\\\\"", "", "\xC3\xA9\xDB\xDD"};
  Texts records;
  std::string document = "[";
  for (size_t i = 0; i < 400; ++i) {
    std::string record = "{\"k\":[";
    for (size_t k = 0; k <= i % 5; ++k)
      record += "{\"" + std::string(i % 67, 'a') + kTexts[(i + k) % 7] + "\":" + std::to_string(i) + "},";
    record += "[[]]],\"z\":\"" + std::string(kTexts[i % 7]) + "\"}";
    document += (i ? ", " : "") + record;
    records.push_back(std::move(record));
  }
  document += "]";
  for (size_t size : {size_t{1}, size_t{63}, size_t{64}, size_t{65}, size_t{1000}, document.size()})
    ASSERT_EQ(Scan(document, "", size).records, records) << "in pieces of " << size;
}

TEST(RecordScanner, OneObject) {
  Expect(R"({"a": {"b": 1}})", "a", {R"({"b": 1})"}, R"({"a": null})");
  Expect(R"({"a": 1})", "", {R"({"a": 1})"}, R"({"a": 1})");
  Expect("\xEF\xBB\xBF[1]", "", {"1"}, "[]");
}

TEST(RecordScanner, WhatIsNoJsonIsToldWithItsPlace) {
  for (const char* document : {"[1 2]", "[1,]", "[,1]", "{\"a\" 1}", "[1}", "[1]]", "[1] x",
                               "{\"a\":}", "{1: 2}", "{\"a\": 1 \"b\": 2}", "]", ":"}) {
    for (size_t size : {size_t{1}, size_t{100}}) {
      Status status = Scan(document, "a", size).status;
      if (status.ok()) status = Scan(document, "", size).status;
      EXPECT_EQ(status.code(), Code::kInvalid) << document << " " << status.ToString();
      EXPECT_NE(status.message().find(" at byte "), std::string::npos) << status.ToString();
    }
  }
}

TEST(RecordScanner, ADocumentThatIsCutOffMayBeAskedForAgain) {
  const std::string document = R"({"data": [{"a": "b"}, {"c": [1]}], "z": 1})";
  for (size_t size = 0; size < document.size(); ++size) {
    Status status = Scan(document.substr(0, size), "data", 7).status;
    EXPECT_EQ(status.code(), Code::kUnavailable) << document.substr(0, size);
  }
}

TEST(RecordScanner, Bounds) {
  Scanned scanned = Scan("[{\"a\": \"" + std::string(2000, 'x') + "\"}]", "", 64);
  EXPECT_EQ(scanned.status.code(), Code::kExhausted);
  EXPECT_NE(scanned.status.message().find("at byte 1 "), std::string::npos)
      << scanned.status.ToString();
  std::string beside =
      "{\"x\": \"" + std::string(RecordScanner::kMostBeside, 'x') + "\", \"n\": 12, \"data\": [1]}";
  scanned = Scan(beside, "data", 1 << 20);
  EXPECT_TRUE(scanned.status.ok()) << scanned.status.ToString();
  EXPECT_EQ(scanned.records, Texts{"1"});
  EXPECT_EQ(scanned.beside, "");
}

}  // namespace
}  // namespace millrace::rest
