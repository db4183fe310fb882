#include "decode/scan.h"

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/text.h"

namespace millrace {
namespace {

using Lines = std::vector<std::string>;

std::string Gzip(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

class ScanTest : public testing::Test {
 protected:
  void SetUp() override {
    engine_ = std::move(OpenDuckDb({.memory_limit = 512 << 20, .threads = 2})).value();
    session_ = std::move(engine_->Open("test")).value();
    folder_ =
        std::filesystem::temp_directory_path() / ("millrace_scan_test_" + std::to_string(getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override {
    scan_.reset();
    if (std::filesystem::exists(folder_ / "scratch")) {
      EXPECT_TRUE(std::filesystem::is_empty(folder_ / "scratch"));
    }
    std::filesystem::remove_all(folder_);
  }

  InputFile Write(const std::string& name, std::string_view bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return {.path = folder_ / name, .name = name};
  }

  // Reads all rows into table t.
  Status Scan(const std::vector<InputFile>& files, const FormatConfig& format = {},
              const std::optional<Shape>& known = std::nullopt) {
    scan_.reset();
    scan_ = TRY(ScanFiles(*session_, files, format, known, folder_ / "scratch", {}));
    rows_ = TRY(session_->Materialize("t", scan_->rows(), {}));
    return Status::Ok();
  }
  Lines Rows(const std::string& sql) {
    auto rows = session_->Collect({sql}, {});
    EXPECT_TRUE(rows.ok()) << rows.status().ToString();
    Lines lines;
    if (!rows.ok()) return lines;
    for (const auto& row : *rows) {
      Lines values;
      for (const auto& value : row) values.push_back(value.value_or("NULL"));
      lines.push_back(Join(values, "|"));
    }
    return lines;
  }
  Lines Rejects(const std::string& columns = "_rule, _source_file, _line, _raw") {
    auto rejects = scan_->Rejects(*session_, {});
    EXPECT_TRUE(rejects.ok()) << rejects.status().ToString();
    if (!rejects.ok() || !*rejects) return {};
    return Rows("SELECT " + columns + " FROM (" + (*rejects)->text +
                ") ORDER BY _source_file, _line");
  }
  std::string Types(const std::string& sql = "SELECT * FROM t") {
    Lines columns;
    Description description = *session_->Describe({sql});
    for (const Column& column : description.schema.columns) {
      columns.push_back(column.name + " " + column.type.ToSql());
    }
    return Join(columns, ", ");
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  std::filesystem::path folder_;
  std::unique_ptr<FileScan> scan_;
  int64_t rows_ = 0;
};

#define ASSERT_OK(expression)                        \
  do {                                               \
    Status status_ = (expression);                   \
    ASSERT_TRUE(status_.ok()) << status_.ToString(); \
  } while (false)

// `lines` rows "i,name i,i % 100", with `odd` in place of row 300,000.
std::string Table(const std::string& odd, int rows = 400'000, bool quoted = false) {
  std::string text = "id,name,val\n";
  for (int i = 0; i < rows; ++i) {
    std::string id = std::to_string(i);
    if (i == 300'000) {
      text += odd + "\n";
    } else {
      text += id + (quoted ? ",\"name, " + id + "\"," : ",name " + id + ",") +
              std::to_string(i % 100) + "\n";
    }
  }
  return text;
}

TEST_F(ScanTest, TypesAreFoundAndFilesAreNamed) {
  ASSERT_OK(
      Scan({Write("a.csv", "id,when,price,name\n1,2024-01-02,1.5,x\n2,,NA,\"a, \"\"b\"\"\"\n")},
           {.csv = {.null = {"", "NA"}}}));
  EXPECT_EQ(Types(), "id BIGINT, when DATE, price DOUBLE, name VARCHAR, _source_file VARCHAR");
  EXPECT_EQ(Rows("SELECT * FROM t ORDER BY id"),
            (Lines{"1|2024-01-02|1.5|x|a.csv", "2|NULL|NULL|a, \"b\"|a.csv"}));
  EXPECT_EQ(Rejects(), Lines{});
}

TEST_F(ScanTest, AValueOfAnotherTypeInRow300000IsOneReject) {
  ASSERT_OK(Scan({Write("a.csv", Table("300000,x,many"))}));
  EXPECT_EQ(rows_, 399'999);
  EXPECT_EQ(Rejects(), Lines{"csv_cast|a.csv|300002|300000,x,many"});
  EXPECT_EQ(Rejects("_reason"),
            Lines{"column \"val\". Could not convert string \"many\" to 'BIGINT'"});
}

TEST_F(ScanTest, AnUnclosedQuoteInRow300000LosesNothingElse) {
  for (bool quoted : {true, false}) {
    for (std::string odd : {"300000,\"broken,0", "300000,\"bro\"ken,0", "\"300000,x,0"}) {
      ASSERT_OK(Scan({Write("a.csv", Table(odd, 400'000, quoted))}));
      EXPECT_EQ(rows_, 399'999) << odd;
      EXPECT_EQ(Rejects(), Lines{"csv_unclosed_quote|a.csv|300002|" + odd});
      EXPECT_EQ(
          Rows("SELECT count(*), sum(id), max(id) FROM t"),
          Lines{"399999|" + std::to_string(int64_t{399'999} * 400'000 / 2 - 300'000) + "|399999"});
    }
  }
}

TEST_F(ScanTest, TooFewAndTooManyFieldsAreRejects) {
  ASSERT_OK(Scan({Write("a.csv", "id,name,val\n1,a,2\n3,b\n4,c,5,6\n7,d,8\n")}));
  EXPECT_EQ(rows_, 2);
  EXPECT_EQ(Rejects(),
            (Lines{"csv_missing_columns|a.csv|3|3,b", "csv_too_many_columns|a.csv|4|4,c,5,6"}));
}

TEST_F(ScanTest, QuotedLineEndsBelongToTheValue) {
  ASSERT_OK(
      Scan({Write("a.csv", "id,name\n1,\"two\nlines\"\n2,\"a \"\"quoted\"\"\nword\"\n3,x\n")}));
  EXPECT_EQ(Rows("SELECT id, replace(name, chr(10), '/') FROM t ORDER BY id"),
            (Lines{"1|two/lines", "2|a \"quoted\"/word", "3|x"}));
  EXPECT_EQ(Rejects(), Lines{});
}

TEST_F(ScanTest, LineEndsOfAllKindsAreRead) {
  const Lines wanted = {"1|a|2", "3|b|4", "5|c|6", "7|d|8"};
  for (std::string ends : {"\n\n\n\n\n", "\r\r\r\r\r"}) {
    std::string text = "id,name,val?1,a,2?3,b,4?5,c,6?7,d,8?";
    size_t n = 0;
    for (char& c : text) {
      if (c == '?') c = ends[n++];
    }
    ASSERT_OK(Scan({Write("a.csv", text)}));
    EXPECT_EQ(Rows("SELECT id, name, val FROM t ORDER BY id"), wanted);
  }
  ASSERT_OK(Scan({Write("a.csv", "id,name,val\r\n1,a,2\r\n3,b,4\r\n5,c,6\r\n7,d,8")}));
  EXPECT_EQ(Rows("SELECT id, name, val FROM t ORDER BY id"), wanted);
  ASSERT_OK(Scan({Write("a.csv", "id,name,val\r\n1,a,2\n3,b,4\r\n5,c,6\n7,d,8\r\n")}));
  EXPECT_EQ(Rows("SELECT id, name, val FROM t ORDER BY id"), wanted);
  ASSERT_OK(Scan({Write("a.csv", "id,name,val\n1,a,2\n3,b\rx,4\n5,c,6\n")}));
  EXPECT_EQ(rows_, 2);
  EXPECT_EQ(Rejects("_rule, _line"), Lines{"csv_stray_return|3"});
}

TEST_F(ScanTest, ByteOrderMarksAndEncodings) {
  ASSERT_OK(Scan({Write("a.csv", "\xef\xbb\xbfid,name\n1,M\xc3\xbcller\n")}));
  EXPECT_EQ(Types(), "id BIGINT, name VARCHAR, _source_file VARCHAR");
  ASSERT_OK(Scan({Write("a.csv", "id,name\n1,M\xfcller\n")}, {.csv = {.encoding = "latin-1"}}));
  EXPECT_EQ(Rows("SELECT id, name FROM t"), Lines{"1|Müller"});
  ASSERT_OK(Scan({Write("a.csv", "id,name\n1,\x80uro\n")}, {.csv = {.encoding = "cp1252"}}));
  EXPECT_EQ(Rows("SELECT name FROM t"), Lines{"€uro"});
  std::string wide = "\xff\xfe";
  for (char c : std::string("id,name\n1,x\n")) wide += std::string{c, '\0'};
  ASSERT_OK(Scan({Write("a.csv", wide)}, {.csv = {.encoding = "utf-16"}}));
  EXPECT_EQ(Rows("SELECT id, name FROM t"), Lines{"1|x"});
  // Latin-1 where UTF-8 was promised: the line, not the file.
  ASSERT_OK(Scan({Write("a.csv", "id,name\n1,a\n2,M\xfcller\n3,b\n")}));
  EXPECT_EQ(rows_, 2);
  EXPECT_EQ(Rejects("_rule, _line"), Lines{"csv_invalid_encoding|3"});
  Status unknown = Scan({Write("a.csv", "id\n1\n")}, {.csv = {.encoding = "klingon"}});
  EXPECT_EQ(unknown.message(), "unknown encoding 'klingon'");
}

TEST_F(ScanTest, CompressedFilesAreRead) {
  std::string text = Table("300000,\"broken,0", 310'000);
  std::string half = text.substr(0, 1'000'001);
  for (auto [name, bytes] : std::vector<std::pair<std::string, std::string>>{
           {"a.csv.gz", Gzip(text)},
           {"b.csv.gz", Gzip(half) + Gzip(text.substr(half.size()))},
           {"c.csv.zst", Zstd(text)},
           {"d.csv.zst", Zstd(half) + Zstd(text.substr(half.size()))}}) {
    ASSERT_OK(Scan({Write(name, bytes)}));
    EXPECT_EQ(rows_, 309'999) << name;
    EXPECT_EQ(Rejects(), Lines{"csv_unclosed_quote|" + name + "|300002|300000,\"broken,0"});
  }
}

TEST_F(ScanTest, ATruncatedOrDamagedFileIsAnError) {
  std::string text = Table("300000,x,0", 310'000);
  std::string packed = Gzip(text);
  Status status = Scan({Write("a.csv.gz", packed.substr(0, packed.size() / 2))});
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_NE(status.message().find("a.csv.gz: the gzip stream ends too early"), std::string::npos)
      << status.message();
  status = Scan({Write("a.csv.gz", packed.substr(0, packed.size() - 4))});
  EXPECT_EQ(status.code(), Code::kInvalid);
  std::string damaged = packed;
  damaged[damaged.size() / 2] ^= 0x55;
  EXPECT_EQ(Scan({Write("a.csv.gz", damaged)}).code(), Code::kInvalid);
  EXPECT_EQ(Scan({Write("a.csv.gz", packed + "garbage")}).code(), Code::kInvalid);
  std::string zstd = Zstd(text);
  EXPECT_EQ(Scan({Write("a.csv.zst", zstd.substr(0, zstd.size() / 2))}).code(), Code::kInvalid);
  EXPECT_EQ(Scan({{.path = folder_ / "none.csv", .name = "none.csv"}}).code(), Code::kNotFound);
}

TEST_F(ScanTest, EmptyFilesHaveNoRows) {
  Status status = Scan({Write("a.csv", "")});
  EXPECT_EQ(status.code(), Code::kInvalid);
  EXPECT_EQ(status.message(), "a.csv is empty: its columns are not known");
  ASSERT_OK(Scan({Write("a.csv", ""), Write("b.csv", "id\n1\n")}));
  EXPECT_EQ(rows_, 1);
  ASSERT_OK(Scan({Write("a.csv", "")},
                 {.csv = {.names = {"id", "name"}, .columns = {{"id", "BIGINT"}}}}));
  EXPECT_EQ(rows_, 0);
  EXPECT_EQ(Types(), "id BIGINT, name VARCHAR, _source_file VARCHAR");
  ASSERT_OK(Scan({Write("a.csv", "id,name\n")}));
  EXPECT_EQ(rows_, 0);
}

TEST_F(ScanTest, NulsAreKept) {
  ASSERT_OK(Scan({Write("a.csv", std::string("id,name\n1,a\0b\n2,c\n", 18 - 0))}));
  EXPECT_EQ(Rows("SELECT id, length(name) FROM t ORDER BY id"), (Lines{"1|3", "2|1"}));
}

TEST_F(ScanTest, ALineBeyondTheLimitIsARejectAndMemoryStaysSmall) {
  {
    std::ofstream out(folder_ / "a.csv");
    std::string million(1'000'000, 'x');
    out << "id,name\n1,a\n";
    for (int i = 0; i < 100; ++i) out << million;
    out << "\n2,b\n";
  }
  ASSERT_OK(Scan({{.path = folder_ / "a.csv", .name = "a.csv"}}));
  EXPECT_EQ(rows_, 2);
  EXPECT_EQ(Rejects("_rule, _line, length(_raw)"), Lines{"csv_line_too_long|3|1024"});
}

TEST_F(ScanTest, ThousandsOfColumnsAreRead) {
  std::string text;
  for (int row = 0; row < 3; ++row) {
    for (int i = 0; i < 2000; ++i)
      text += (i > 0 ? "," : "") + (row == 0 ? "c" + std::to_string(i) : std::to_string(i));
    text += "\n";
  }
  ASSERT_OK(Scan({Write("a.csv", text)}));
  EXPECT_EQ(Rows("SELECT count(*), sum(c1999) FROM t"), Lines{"2|3998"});
}

TEST_F(ScanTest, FilesWithOtherHeadersAreJoinedByName) {
  ASSERT_OK(Scan({Write("a.csv", "id,name\n1,a\n"), Write("b.csv", "name,id\nb,2\n"),
                  Write("c.csv", "id,extra\n3,1.5\n"), Write("d.csv", "id,name\n4,d\n")}));
  EXPECT_EQ(Rows("SELECT id, name, extra, _source_file FROM t ORDER BY id"),
            (Lines{"1|a|NULL|a.csv", "2|b|NULL|b.csv", "3|NULL|1.5|c.csv", "4|d|NULL|d.csv"}));
}

TEST_F(ScanTest, TypesComeFromSeveralFiles) {
  ASSERT_OK(Scan({Write("a.csv", "id,x\n1,1\n"), Write("b.csv", "id,x\n2,1.5\n"),
                  Write("c.csv", "id,x\n3,y\n")}));
  EXPECT_EQ(Types(), "id BIGINT, x VARCHAR, _source_file VARCHAR");
  EXPECT_EQ(rows_, 3);
}

TEST_F(ScanTest, DialectsAreFoundOrGiven) {
  ASSERT_OK(
      Scan({Write("a.csv", "id;name;price\n1;\"a;b\";1,5\n2;c;2,25\n")},
           {.csv = {.delimiter = ";", .columns = {{"price", "DECIMAL(10,2)"}}, .decimal = ","}}));
  EXPECT_EQ(Rows("SELECT id, name, price FROM t ORDER BY id"), (Lines{"1|a;b|1.50", "2|c|2.25"}));
  ASSERT_OK(Scan({Write("a.csv", "1|x\n2|y\n")}, {.csv = {.names = {"id", "name"}}}));
  EXPECT_EQ(Rows("SELECT id, name FROM t ORDER BY id"), (Lines{"1|x", "2|y"}));
  ASSERT_OK(Scan({Write("a.csv", "id,day\n1,31.12.2024\n")},
                 {.csv = {.columns = {{"day", "DATE"}}, .date_format = "%d.%m.%Y"}}));
  EXPECT_EQ(Rows("SELECT day FROM t"), Lines{"2024-12-31"});
  ASSERT_OK(Scan({Write("a.csv", "a comment\nid,name\n# skip\n1,x\n")},
                 {.csv = {.comment = "#", .skip = 1}}));
  EXPECT_EQ(Rows("SELECT id, name FROM t"), Lines{"1|x"});
  ASSERT_OK(Scan({Write("a.csv", "id\n01\n")}, {.csv = {.all_text = true}}));
  EXPECT_EQ(Rows("SELECT id FROM t"), Lines{"01"});
  Status status =
      Scan({Write("a.csv", "id,name\n1,x\n")}, {.csv = {.columns = {{"nme", "VARCHAR"}}}});
  EXPECT_EQ(status.ToString(),
            "csv.columns names 'nme', which is not a column of the file (did you mean 'name'?)");
}

TEST_F(ScanTest, AGrownFileGivesOnlyItsNewRows) {
  std::string old = "id,name\n1,a\n2,b\n";
  InputFile file = Write("a.csv", old + "3,c\n4,\"x\n5,e\n");
  file.skip = static_cast<int64_t>(old.size());
  ASSERT_OK(Scan({file}));
  EXPECT_EQ(Rows("SELECT id, name FROM t ORDER BY id"), (Lines{"3|c", "5|e"}));
  EXPECT_EQ(Rejects("_rule, _line"), Lines{"csv_unclosed_quote|5"});
}

TEST_F(ScanTest, AShapeIsKeptAsText) {
  InputFile file = Write("a.csv", "id,name\n1,a\n2,b\n");
  Result<Shape> shape = SniffFiles(*session_, {file}, {}, {});
  ASSERT_TRUE(shape.ok()) << shape.status().ToString();
  Result<Shape> again = Shape::Parse(shape->ToText());
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  EXPECT_EQ(again->schema, shape->schema);
  ASSERT_OK(Scan({file}, {}, *again));
  EXPECT_EQ(rows_, 2);
  EXPECT_FALSE(Shape::Parse("{}").ok());
  EXPECT_FALSE(Shape::Parse("nonsense").ok());
}

TEST_F(ScanTest, NdjsonRejectsLinesThatDoNotFit) {
  ASSERT_OK(Scan({Write(
      "a.ndjson",
      "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"\n\n{\"a\":4,\"c\":{\"d\":[1,2]}}\n[1]\n")}));
  EXPECT_EQ(Types(), "a BIGINT, b VARCHAR, c STRUCT(\"d\" BIGINT[]), _source_file VARCHAR");
  EXPECT_EQ(Rows("SELECT a, b, c FROM t ORDER BY a"), (Lines{"1|x|NULL", "4|NULL|{'d': [1, 2]}"}));
  EXPECT_EQ(Rejects("_rule, _line, _raw"),
            (Lines{"json_syntax|2|{\"a\":2,\"b\":\"y\"", "json_syntax|5|[1]"}));
  ASSERT_OK(Scan({Write("a.ndjson", "{\"a\":1}\n{\"a\":\"zz\"}\n"),
                  Write("b.ndjson", "{\"a\":null}\n{\"a\":5}\n{\"a\":{}}\n")},
                 {.json = {.columns = {{"a", "BIGINT"}}}}));
  EXPECT_EQ(Rows("SELECT a, _source_file FROM t ORDER BY ALL"),
            (Lines{"1|a.ndjson", "5|b.ndjson", "NULL|b.ndjson"}));
  EXPECT_EQ(Rejects("_reason, _source_file, _line"),
            (Lines{"column \"a\" is not BIGINT: zz|a.ndjson|2",
                   "column \"a\" is not BIGINT: {}|b.ndjson|3"}));
}

TEST_F(ScanTest, NdjsonRejectsWhatDoesNotFitDeepInside) {
  ASSERT_OK(Scan({Write("a.ndjson",
                        "{\"s\":{\"n\":1,\"t\":\"x\"},\"l\":[1,null],\"m\":{\"k\":1},"
                        "\"d\":[{\"v\":[1]}]}\n"
                        "{\"s\":{\"n\":\"one\"}}\n"
                        "{\"s\":{\"t\":7,\"other\":1},\"l\":[],\"d\":[]}\n"
                        "{\"l\":[1,\"two\"]}\n"
                        "{\"m\":{\"k\":1,\"j\":\"x\"}}\n"
                        "{\"d\":[{\"v\":[1]},{\"v\":[2,\"three\"]}]}\n"
                        "{\"s\":\"no struct\"}\n"
                        "{\"d\":[null,{\"v\":null}]}\n")},
                 {.json = {.columns = {{"s", "STRUCT(n BIGINT, t VARCHAR)"},
                                       {"l", "BIGINT[]"},
                                       {"m", "MAP(VARCHAR, BIGINT)"},
                                       {"d", "STRUCT(v BIGINT[])[]"}}}}));
  EXPECT_EQ(rows_, 3);
  EXPECT_EQ(Rejects("_rule, _line, _raw"),
            (Lines{"json_type|2|{\"s\":{\"n\":\"one\"}}", "json_type|4|{\"l\":[1,\"two\"]}",
                   "json_type|5|{\"m\":{\"k\":1,\"j\":\"x\"}}",
                   "json_type|6|{\"d\":[{\"v\":[1]},{\"v\":[2,\"three\"]}]}",
                   "json_type|7|{\"s\":\"no struct\"}"}));
}

TEST_F(ScanTest, NdjsonLinesAreCountedPastThoseThatAreBroken) {
  std::string long_line = "{\"a\":\"" + std::string(3000, 'x') + "\"}\n";
  ASSERT_OK(Scan({Write("a.ndjson", "{\"a\":\"1\"}\n" + long_line + "nonsense\n{\"a\":\"\xff\"}\n" +
                                        long_line + "{\"a\":\"2\"}\n[]\n")},
                 {.json = {.max_record = Bytes{1000}}}));
  EXPECT_EQ(rows_, 2);
  EXPECT_EQ(Rejects("_line, _rule"),
            (Lines{"2|csv_line_too_long", "3|json_syntax", "4|csv_invalid_encoding",
                   "5|csv_line_too_long", "7|json_syntax"}));
}

TEST_F(ScanTest, LinesThatAreTooLongAreNoRowsOfText) {
  ASSERT_OK(Scan({Write("a.txt", "one\n" + std::string(3000, 'x') + "\nthree\n")},
                 {.format = FormatKind::kText, .csv = {.max_line = Bytes{1000}}}));
  EXPECT_EQ(Rows("SELECT line FROM t ORDER BY line"), (Lines{"one", "three"}));
  EXPECT_EQ(Rejects("_line, _rule"), Lines{"2|csv_line_too_long"});
  ASSERT_OK(Scan({Write("a.csv", "id\n1\n\"2\n3\n")}));
  EXPECT_EQ(Rows("SELECT id FROM t ORDER BY id"), (Lines{"1", "3"}));
  EXPECT_EQ(Rejects("_line, _rule"), Lines{"3|csv_unclosed_quote"});
}

TEST_F(ScanTest, JsonDocumentsAreRead) {
  ASSERT_OK(Scan({Write("a.json", "[{\"id\":1,\"tags\":[\"x\"]},{\"id\":2}]")}));
  EXPECT_EQ(Rows("SELECT id, tags, _source_file FROM t ORDER BY id"),
            (Lines{"1|[x]|a.json", "2|NULL|a.json"}));
  ASSERT_OK(Scan({Write("a.json", "{\"data\":{\"items\":[{\"id\":1},{\"id\":2,\"n\":\"x\"}]}}")},
                 {.json = {.records = "data.items"}}));
  EXPECT_EQ(Rows("SELECT id, n FROM t ORDER BY id"), (Lines{"1|NULL", "2|x"}));
  EXPECT_FALSE(Scan({Write("a.json", "[{\"id\":1},{\"id\":")}).ok());
  std::string packed = Gzip("[{\"id\":1},{\"id\":2}]");
  ASSERT_OK(Scan({Write("b.json.gz", packed)}));
  EXPECT_EQ(rows_, 2);
}

TEST_F(ScanTest, TextIsLines) {
  ASSERT_OK(Scan({Write("a.txt", "a,b \"c\n\n  x\r\n\nlast \xff line\n\"no end")}));
  EXPECT_EQ(Rows("SELECT line, _source_file FROM t"),
            (Lines{"a,b \"c|a.txt", "|a.txt", "  x|a.txt", "|a.txt", "\"no end|a.txt"}));
  EXPECT_EQ(Rejects("_rule, _line"), Lines{"csv_invalid_encoding|5"});
}

TEST_F(ScanTest, ParquetIsRead) {
  ASSERT_TRUE(
      session_->WriteFile({"SELECT 1 AS id, 'x' AS name"}, folder_ / "a.parquet", "parquet", {}, {})
          .ok());
  ASSERT_OK(Scan({{.path = folder_ / "a.parquet", .name = "a.parquet"}}));
  EXPECT_EQ(Rows("SELECT * FROM t"), Lines{"1|x|a.parquet"});
  std::filesystem::resize_file(folder_ / "a.parquet", 100);
  EXPECT_FALSE(Scan({{.path = folder_ / "a.parquet", .name = "a.parquet"}}).ok());
}

TEST_F(ScanTest, FormatsAreToldByNames) {
  EXPECT_EQ(*FormatOf("x/a.CSV.gz", FormatKind::kAuto), FormatKind::kCsv);
  EXPECT_EQ(*FormatOf("a.jsonl.zst", FormatKind::kAuto), FormatKind::kNdjson);
  EXPECT_EQ(*FormatOf("a", FormatKind::kText), FormatKind::kText);
  EXPECT_EQ(FormatOf("a.bin", FormatKind::kAuto).code(), Code::kInvalid);
  EXPECT_EQ(Scan({Write("a.csv", "id\n1\n"), Write("b.json", "{}")}).code(), Code::kInvalid);
}

TEST(Inflate, LengthsAreThoseBeforeCompression) {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("millrace_inflate_" + std::to_string(getpid()));
  std::string text(3'000'000, 'x');
  for (const std::string& bytes : {text, Gzip(text), Gzip(text) + Gzip(""), Zstd(text)}) {
    std::ofstream(path, std::ios::binary) << bytes;
    Result<int64_t> length = DecodedLength(path);
    ASSERT_TRUE(length.ok()) << length.status().ToString();
    EXPECT_EQ(*length, 3'000'000);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(DecodedLength(path).code(), Code::kNotFound);
}

}  // namespace
}  // namespace millrace
