#include "config/spec.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace millrace {
namespace {

enum class Mode { kAppend, kReplace };

struct Dialect {
  std::string delimiter = ",";
  bool header = true;
};

struct Config {
  std::string path;
  int64_t limit = 100;
  int threads = 0;
  double share = 0.5;
  bool strict = false;
  Micros wait = std::chrono::seconds(90);
  Bytes size{64'000'000};
  Mode mode = Mode::kAppend;
  std::optional<Mode> other_mode;
  std::string level = "info";
  Secret password;
  std::vector<std::string> columns;
  std::map<std::string, std::string> types;
  Dialect csv;
  std::optional<Dialect> quote;
  std::vector<Dialect> many;
  YamlNode any;
};

}  // namespace

template <>
struct EnumNames<Mode> {
  static constexpr std::pair<std::string_view, Mode> kAll[] = {{"append", Mode::kAppend},
                                                               {"replace", Mode::kReplace}};
};

namespace {

Spec<Dialect> DialectSpec() {
  return Spec<Dialect>("csv", "How a CSV file is written.")
      .Field("delimiter", &Dialect::delimiter, "Between columns.")
      .Field("header", &Dialect::header, "The first line has names.")
      .Short("delimiter");
}

Spec<Config> TestSpec() {
  return Spec<Config>("sink 'test'", "For tests.")
      .Field("path", &Config::path, "Where.", {.required = true, .example = "data/*.csv"})
      .Field("limit", &Config::limit, "Rows at once.", {.min = 1, .max = 1000})
      .Field("threads", &Config::threads, "At once.")
      .Field("share", &Config::share, "Of memory.", {.min = 0, .max = 1})
      .Field("strict", &Config::strict, "Or not.")
      .Field("wait", &Config::wait, "Between tries.", {.max = 3600})
      .Field("size", &Config::size, "Of a file.")
      .Field("mode", &Config::mode, "What becomes of old rows.")
      .Field("other_mode", &Config::other_mode, "The same.", {.deprecated = true})
      .Field("level", &Config::level, "Of detail.", {.choices = {"info", "debug"}})
      .Field("password", &Config::password, "Kept secret.")
      .Field("columns", &Config::columns, "Names | of columns.", {.min = 1})
      .Field("types", &Config::types, "By column.")
      .Group("csv", &Config::csv, DialectSpec(), "Dialect.")
      .Group("quote", &Config::quote, DialectSpec(), "Dialect of quotes.")
      .GroupList("many", &Config::many, DialectSpec(), "Dialects.")
      .Field("any", &Config::any, "Anything.")
      .Short("path")
      .Example("Few rows", "test: {path: a.csv, limit: 5}")
      .Require([](const Config& config) { return config.path != config.level; },
               "'path' and 'level' must differ", "choose another path");
}

std::optional<Config> Parse(std::string_view yaml, Diagnostics& diagnostics) {
  YamlNode node = ParseYaml(yaml, "f.yml", diagnostics);
  return TestSpec().Parse(node, diagnostics);
}

TEST(Spec, ReadsEveryKindOfField) {
  Diagnostics diagnostics;
  std::optional<Config> config = Parse(R"(path: 5
limit: 0x10
threads: -3
share: .25
strict: TRUE
wait: 1h
size: 2 GiB
mode: replace
other_mode: append
level: debug
password: "p: w"
columns: id
types: {a: INTEGER, b: 5}
csv: ";"
quote: {header: false}
many: [";", {delimiter: "|"}]
any: {x: [1]}
)",
                                       diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  EXPECT_EQ(config->path, "5");
  EXPECT_EQ(config->limit, 16);
  EXPECT_EQ(config->threads, -3);
  EXPECT_EQ(config->share, 0.25);
  EXPECT_TRUE(config->strict);
  EXPECT_EQ(config->wait, std::chrono::hours(1));
  EXPECT_EQ(config->size.count, int64_t{2} << 30);
  EXPECT_EQ(config->mode, Mode::kReplace);
  EXPECT_EQ(config->other_mode, Mode::kAppend);
  EXPECT_EQ(config->level, "debug");
  EXPECT_EQ(config->password.Reveal(), "p: w");
  EXPECT_EQ(config->columns, std::vector<std::string>{"id"});
  EXPECT_EQ(config->types, (std::map<std::string, std::string>{{"a", "INTEGER"}, {"b", "5"}}));
  EXPECT_EQ(config->csv.delimiter, ";");
  EXPECT_FALSE(config->quote->header);
  ASSERT_EQ(config->many.size(), 2u);
  EXPECT_EQ(config->many[1].delimiter, "|");
  EXPECT_TRUE(config->any.Find("x")->IsList());
  EXPECT_EQ(diagnostics.ToString(),
            "f.yml:9:1: warning: 'other_mode' in sink 'test' is deprecated; The same.\n");
}

TEST(Spec, HasAShortForm) {
  Diagnostics diagnostics;
  std::optional<Config> config = Parse("data.csv", diagnostics);
  ASSERT_TRUE(config) << diagnostics.ToString();
  EXPECT_EQ(config->path, "data.csv");
  EXPECT_EQ(config->limit, 100);
  EXPECT_FALSE(config->quote);
}

TEST(Spec, TellsWhatIsWrongAndWhere) {
  struct Case {
    std::string_view yaml, told;
  };
  const Case kCases[] = {
      {"limit: 5\n", "1:1: 'path' is missing in sink 'test'; for example path: data/*.csv"},
      {"", "1:1: 'path' is missing in sink 'test'; for example path: data/*.csv"},
      {"path: a\nlimt: 5\n", "2:1: unknown field 'limt' in sink 'test'; did you mean 'limit'?"},
      {"path: a\ncsv: {zzzzzz: 5}\n",
       "2:7: unknown field 'zzzzzz' in csv; its fields are delimiter, header"},
      {"{path: a, limit:5}\n",
       "1:11: unknown field 'limit:5' in sink 'test'; put a space after the ':'"},
      {"path:\n", "1:6: 'path' has no value; write one, or remove the line"},
      {"path: null\n", "1:7: 'path' has no value; quote 'null' to mean the text"},
      {"path: [a]\n", "1:7: 'path' must be text, not a list"},
      {"path: a\nlimit: abc\n", "2:8: 'limit' must be a whole number, not 'abc'"},
      {"path: a\nlimit: \"5\"\n",
       "2:8: 'limit' must be a whole number, not '5'; remove the quotes"},
      {"path: a\nlimit: 5.0\n", "2:8: 'limit' must be a whole number, not '5.0'"},
      {"path: a\nlimit: +-5\n", "2:8: 'limit' must be a whole number, not '+-5'"},
      {"path: a\nlimit: 0x\n", "2:8: 'limit' must be a whole number, not '0x'"},
      {"path: a\nlimit: 99999999999999999999\n",
       "2:8: 'limit' must be within 64 bits, not '99999999999999999999'"},
      {"path: a\nlimit: 0\n", "2:8: 'limit' must be at least 1, not '0'"},
      {"path: a\nlimit: 1001\n", "2:8: 'limit' must be at most 1000, not '1001'"},
      {"path: a\nthreads: 3000000000\n",
       "2:10: 'threads' must be at most 2147483647, not '3000000000'"},
      {"path: a\nshare: 2\n", "2:8: 'share' must be at most 1, not '2'"},
      {"path: a\nshare: nan\n", "2:8: 'share' must be a number, not 'nan'"},
      {"path: a\nstrict: yes\n", "2:9: 'strict' must be true or false, not 'yes'"},
      {"path: a\nstrict: 'true'\n",
       "2:9: 'strict' must be true or false, not 'true'; remove the quotes"},
      {"path: a\nwait: 5\n",
       "2:7: 'wait' must be a duration, not '5'; write 250ms, 5s, 10m, 2h or 7d"},
      {"path: a\nwait: 2h\n", "2:7: 'wait' must be at most 3600 s, not '2h'"},
      {"path: a\nsize: big\n", "2:7: 'size' must be a size, not 'big'; write 64kB, 512MB or 2GiB"},
      {"path: a\nmode: apend\n",
       "2:7: 'mode' must be one of append, replace, not 'apend'; did you mean 'append'?"},
      {"path: a\nlevel: loud\n", "2:8: 'level' must be one of info, debug, not 'loud'"},
      {"path: a\npassword: [x]\n", "2:11: 'password' must be text, not a list"},
      {"path: a\ncolumns: []\n", "2:10: 'columns' must have at least 1 item, not 0"},
      {"path: a\ncolumns: [x, {}]\n", "2:14: 'columns' must be text, not a map"},
      {"path: a\ntypes: [x]\n", "2:8: 'types' must be a map, not a list"},
      {"path: a\ntypes: {x: [y]}\n", "2:12: 'x' in 'types' must be text, not a list"},
      {"path: a\nmany:\n  - {header: 1}\n", "3:14: 'header' must be true or false, not '1'"},
      {"path: info\n", "1:1: sink 'test': 'path' and 'level' must differ; choose another path"},
      {"path: a\nlimit: x\nshare: y\n",
       "2:8: 'limit' must be a whole number, not 'x'\nf.yml:3:8: 'share' must be a number, not "
       "'y'"},
  };
  for (const Case& each : kCases) {
    Diagnostics diagnostics;
    EXPECT_FALSE(Parse(each.yaml, diagnostics)) << each.yaml;
    EXPECT_EQ(diagnostics.ToString(), "f.yml:" + std::string(each.told) + "\n") << each.yaml;
  }
}

TEST(Spec, WritesItsReferencePage) {
  std::string page = SpecMarkdown(*TestSpec().info());
  for (const char* part : {
           "## sink 'test'\n\nFor tests.\n",
           "| field | type | default | meaning |\n|---|---|---|---|\n",
           "| `path` | text | **required** | Where. Example: `data/*.csv` |\n",
           "| `limit` | whole number, 1 to 1000 | `100` | Rows at once. |\n",
           "| `wait` | duration, at most 3600 | `90s` | Between tries. |\n",
           "| `size` | size | `64MB` | Of a file. |\n",
           "| `mode` | one of `append`, `replace` | `append` | What becomes of old rows. |\n",
           "| `other_mode` | one of `append`, `replace` |  | Deprecated. The same. |\n",
           "| `columns` | text or list of texts, at least 1 |  | Names \\| of columns. |\n",
           "| `csv` | map, or `delimiter` alone |  | Dialect. |\n",
           "| `csv.delimiter` | text | `\",\"` | Between columns. |\n",
           "\nShort form: the value of `path` alone.\n",
           "\nFew rows:\n\n```yaml\ntest: {path: a.csv, limit: 5}\n```\n",
       }) {
    EXPECT_NE(page.find(part), page.npos) << part << "\nis not in\n" << page;
  }
}

TEST(Spec, WritesItsJsonSchema) {
  Json schema = SpecJsonSchema(*TestSpec().info());
  ASSERT_EQ(schema["anyOf"].size(), 2u);
  const Json& object = schema["anyOf"][0];
  EXPECT_EQ(object["required"], Json({"path"}));
  EXPECT_EQ(object["additionalProperties"], false);
  const Json& fields = object["properties"];
  EXPECT_EQ(fields.size(), 17u);
  Json limit = Json::parse(R"({"description": "Rows at once.", "anyOf": [
    {"type": "integer", "minimum": 1.0, "maximum": 1000.0},
    {"type": "string", "pattern": "\\$\\{.+\\}"}], "default": 100})");
  EXPECT_EQ(fields["limit"], limit);
  EXPECT_EQ(fields["mode"]["anyOf"][0]["enum"], Json({"append", "replace"}));
  EXPECT_EQ(fields["csv"]["description"], "Dialect.");
  EXPECT_EQ(fields["csv"]["anyOf"][0]["properties"]["delimiter"]["default"], ",");
  EXPECT_EQ(fields["columns"]["anyOf"][1]["minItems"], 1);
  EXPECT_EQ(fields["path"]["examples"], Json::array({"data/*.csv"}));
  EXPECT_EQ(fields["other_mode"]["deprecated"], true);
}

TEST(Spec, WritesDefaultsAsYaml) {
  using spec_internal::DefaultText;
  EXPECT_EQ(DefaultText(std::string("a_b/c.d")), "a_b/c.d");
  EXPECT_EQ(DefaultText(std::string("True")), "\"True\"");
  EXPECT_EQ(DefaultText(std::string("1e5")), "\"1e5\"");
  EXPECT_EQ(DefaultText(std::string("\t")), "\"\\t\"");
  EXPECT_EQ(DefaultText(Micros(0)), "0s");
  EXPECT_EQ(DefaultText(Bytes{1001}), "1001");
  EXPECT_EQ(DefaultText(std::vector<std::string>{"a", "", "b c"}), "[a, \"\", \"b c\"]");
  EXPECT_EQ(DefaultText(std::map<std::string, std::string>{{"a", "1"}}), "{a: \"1\"}");
}

struct Table {
  Schema columns;
};

TEST(Spec, ColumnsKeepTheirOrderAndTellTheirFaults) {
  Spec<Table> spec("table", "Columns.");
  spec.Field("columns", &Table::columns, "Names and types.");
  Diagnostics diagnostics;
  auto parse = [&](std::string_view yaml) {
    return spec.Parse(ParseYaml(yaml, "f", diagnostics), diagnostics);
  };
  std::optional<Table> table = parse("columns: {z: BIGINT, a: \"STRUCT(x VARCHAR)\"}");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->columns.Names(), (std::vector<std::string>{"z", "a"}));
  EXPECT_EQ(table->columns.columns[1].type.ToSql(), "STRUCT(\"x\" VARCHAR)");
  EXPECT_FALSE(parse("columns:\n  a: BIGNIT\n  b: INT\n  B: INT\n").has_value());
  EXPECT_NE(
      diagnostics.ToStatus().ToString().find("2:6: 'a' in 'columns': 'BIGNIT' is not a column"),
      std::string::npos)
      << diagnostics.ToStatus().ToString();
  EXPECT_NE(diagnostics.ToStatus().ToString().find("4:3: 'columns' has two columns 'B'"),
            std::string::npos);
}

}  // namespace
}  // namespace millrace
