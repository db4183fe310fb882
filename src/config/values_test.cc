#include "config/values.h"

#include <gtest/gtest.h>

#include "config/spec.h"

namespace millrace {
namespace {

Values TestValues() {
  Values values;
  values.variables = {
      {"HOME", "/root"},           {"EMPTY", ""},    {"LIMIT", "7"},     {"params.year", "2013"},
      {"matrix.table", "flights"}, {"run.id", "r1"}, {"LOOP", "${HOME}"}};
  values.secrets = {{"db-password", Secret("hunter2")}};
  return values;
}

TEST(Values, Replace) {
  struct Case {
    std::string_view text, result;
  };
  const Case kCases[] = {
      {"plain $HOME {x}", "plain $HOME {x}"},
      {"${HOME}/x", "/root/x"},
      {"${EMPTY}", ""},
      {"${EMPTY:x}", ""},
      {"${NONE:}", ""},
      {"${NONE:a b:c}", "a b:c"},
      {"${NONE:${LIMIT:x}}", "7"},
      {"<${NONE:a${NIL:b}-${HOME}}>", "<ab-/root>"},
      {"${NONE:{\"a\": {}}}", "{\"a\": {}}"},
      {"${params.year}-${matrix.table}", "2013-flights"},
      {"${params.none:5}", "5"},
      {"x${secret:db-password}y", "xhunter2y"},
      {"$${HOME} $$${HOME} $$", "${HOME} $${HOME} $$"},
      {"${HOME}$${HOME}${HOME}", "/root${HOME}/root"},
      {"${LOOP}", "${HOME}"},
  };
  for (const Case& each : kCases) {
    Diagnostics diagnostics;
    YamlNode node = Interpolate(TextNode(each.text, "f"), TestValues(), diagnostics);
    EXPECT_EQ(node.scalar, each.result);
    EXPECT_EQ(node.secret, each.text.find("secret") != each.text.npos);
    EXPECT_EQ(diagnostics.ToString(), "") << each.text;
  }
}

TEST(Values, TellWhatIsUndefinedAndWhere) {
  struct Case {
    std::string_view yaml, told;
  };
  const Case kCases[] = {
      {"a: x${HOEM}", "1:5: undefined variable 'HOEM'; did you mean 'HOME'?"},
      {"a: ${ZZZZZZ}",
       "1:4: undefined variable 'ZZZZZZ'; set it in the environment or .env, or give a default: "
       "${ZZZZZZ:default}"},
      {"a: |\n  SELECT\n   '${params.yaer}'\n",
       "3:5: undefined parameter 'params.yaer'; did you mean 'params.year'?"},
      {"a: ${params.zzzzzzzzzzz}",
       "1:4: undefined parameter 'params.zzzzzzzzzzz'; declare it under params:"},
      {"a: ${matrix.zzzzzzzzzzz}",
       "1:4: undefined matrix value 'matrix.zzzzzzzzzzz'; declare it under the task's matrix:"},
      {"a: ${run.zzzzzzzzzzz}",
       "1:4: undefined run value 'run.zzzzzzzzzzz'; there are run.id, run.logical_date, "
       "run.data_interval_start and run.data_interval_end"},
      {"a: ${secret:db_password}",
       "1:4: undefined secret 'db_password'; did you mean 'db-password'?"},
      {"a: ${secret:tok-en}", "1:4: undefined secret 'tok-en'; set MILLRACE_SECRET_TOK_EN"},
      {"a: ${secret:a:b}",
       "1:4: 'a:b' is not the name of a secret; a secret has no default: write ${secret:name}"},
      {"a: ${}", "1:4: '' is not a name for ${…}; write $${ for the text ${"},
      {"a: ${1x}", "1:4: '1x' is not a name for ${…}; write $${ for the text ${"},
      {"a: x${HOME", "1:5: '${' is never closed; write ${NAME}, or $${ for the text"},
      {"a: ${A1:${B1}}",
       "1:9: undefined variable 'B1'; set it in the environment or .env, or give a default: "
       "${B1:default}"},
      {"a: ${A:${A:${A:${A:${A:${A:${A:${A:${A:${A:x}}}}}}}}}}",
       "1:36: more than 8 ${…} in each other"},
      {"a: [ '${A1}', \"${B1}\"]",
       "1:7: undefined variable 'A1'; set it in the environment or .env, or give a default: "
       "${A1:default}\n"
       "f.yml:1:16: undefined variable 'B1'; set it in the environment or .env, or give a default: "
       "${B1:default}"},
  };
  for (const Case& each : kCases) {
    Diagnostics diagnostics;
    YamlNode node = ParseYaml(each.yaml, "f.yml", diagnostics);
    Interpolate(node, TestValues(), diagnostics);
    EXPECT_EQ(diagnostics.ToString(), "f.yml:" + std::string(each.told) + "\n") << each.yaml;
  }
}

struct Config {
  int64_t limit = 0;
  bool strict = false;
  std::string mode = "x";
};

std::string ParseConfig(std::string_view yaml, Config& config) {
  Diagnostics diagnostics;
  YamlNode node = Interpolate(ParseYaml(yaml, "f.yml", diagnostics), TestValues(), diagnostics);
  std::optional<Config> parsed = Spec<Config>("test", "")
                                     .Field("limit", &Config::limit, "", {.min = 1})
                                     .Field("strict", &Config::strict, "")
                                     .Field("mode", &Config::mode, "", {.choices = {"x", "hunter"}})
                                     .Parse(node, diagnostics);
  if (parsed) config = *parsed;
  return diagnostics.ToString();
}

TEST(Values, AreNumbersAndBooleansOnceReplaced) {
  Config config;
  EXPECT_EQ(ParseConfig("limit: ${NONE:100}\nstrict: ${NONE:true}\n", config), "");
  EXPECT_EQ(config.limit, 100);
  EXPECT_TRUE(config.strict);
  // Within { } a ${…} must be quoted.
  EXPECT_EQ(ParseConfig("{limit: \"${LIMIT}\"}\n", config), "");
  EXPECT_EQ(config.limit, 7);
}

TEST(Values, AreToldOnceWhenUndefined) {
  Config config;
  EXPECT_EQ(ParseConfig("limit: ${LIMTI}\n", config),
            "f.yml:1:8: undefined variable 'LIMTI'; did you mean 'LIMIT'?\n");
}

TEST(Values, OfSecretsAreNeverTold) {
  Config config;
  for (const char* field : {"limit", "strict", "mode"}) {
    std::string told = ParseConfig(std::string(field) + ": ${secret:db-password}\n", config);
    EXPECT_NE(told.find("'***'"), told.npos) << told;
    EXPECT_EQ(told.find("hunter"), told.find("hunter,")) << told;  // the choice, not the value
    EXPECT_EQ(told.find("did you mean"), told.npos) << told;
  }
}

TEST(Values, AreNotScannedAgain) {
  Values first, second;
  first.variables = {{"A", "${run.id}"}, {"D", "$"}, {"E", ""}};
  first.secrets = {{"s", Secret("pass${word}")}};
  first.keep = {"run."};
  second.variables = {{"run.id", "r1"}};
  for (YamlNode node :
       {TextNode("${A} $${A} $${run.id} ${secret:s} ${D}${E}{run.id} $${E} ${run.id}", "f"),
        YamlNode()}) {
    bool made = node.IsNull();  // by the program: no file is behind it
    if (made) {
      node.kind = YamlNode::Kind::kScalar;
      node.scalar = "${A} $${A} $${run.id} ${secret:s} ${D}${E}{run.id} $${E} ${run.id}";
    }
    Diagnostics diagnostics;
    YamlNode once = Interpolate(node, first, diagnostics);
    EXPECT_EQ(once.scalar, "${run.id} ${A} $${run.id} pass${word} ${run.id} ${E} ${run.id}");
    YamlNode twice = Interpolate(once, second, diagnostics);
    EXPECT_EQ(twice.scalar, "${run.id} ${A} ${run.id} pass${word} ${run.id} ${E} r1");
    EXPECT_EQ(diagnostics.ToString(), "");
    EXPECT_TRUE(twice.secret);
  }
}

TEST(Values, StayWhenKept) {
  Values values = TestValues();
  values.keep = {"run."};
  Diagnostics diagnostics;
  YamlNode node =
      ParseYaml("a: |\n  ${HOME} ${run.id}\n  $${run.id} $${HOME} x\n", "f.yml", diagnostics);
  YamlNode first = Interpolate(node, values, diagnostics);
  EXPECT_EQ(first.Find("a")->scalar, "/root ${run.id}\n$${run.id} ${HOME} x\n");
  EXPECT_EQ(diagnostics.ToString(), "");
  EXPECT_EQ(first.Find("a")->PlaceOf(6).column, 11);  // ${run.id}
}

// The line and column of each byte of `needle` in the value.
std::string PlaceIn(const YamlNode& node, std::string_view needle) {
  Place place = node.PlaceOf(node.scalar.find(needle));
  return std::to_string(place.line) + ":" + std::to_string(place.column);
}

TEST(Values, KeepTheWayBackToTheFile) {
  Diagnostics diagnostics;
  Values first;
  first.variables = {{"A", "long value"}, {"B", ""}};
  first.keep = {"run."};
  Values second;
  second.variables = {{"run.id", "20261121"}};
  YamlNode node =
      ParseYaml("a: |\n  one ${A} two${B}\n  ${run.id} three $${A} four\n", "f.yml", diagnostics);
  YamlNode once = Interpolate(*node.Find("a"), first, diagnostics);
  EXPECT_EQ(once.scalar, "one long value two\n${run.id} three ${A} four\n");
  EXPECT_EQ(PlaceIn(once, "one"), "2:3");
  EXPECT_EQ(PlaceIn(once, "long"), "2:7");
  EXPECT_EQ(PlaceIn(once, "value"), "2:7");
  EXPECT_EQ(PlaceIn(once, "two"), "2:12");
  EXPECT_EQ(PlaceIn(once, "${run"), "3:3");
  EXPECT_EQ(PlaceIn(once, "${A}"), "3:19");
  EXPECT_EQ(PlaceIn(once, "four"), "3:25");
  second.variables["A"] = "never";  // its escape was taken off before: this is text
  YamlNode twice = Interpolate(once, second, diagnostics);
  EXPECT_EQ(twice.scalar, "one long value two\n20261121 three ${A} four\n");
  EXPECT_EQ(PlaceIn(twice, "value"), "2:7");
  EXPECT_EQ(PlaceIn(twice, "two"), "2:12");
  EXPECT_EQ(PlaceIn(twice, "1121"), "3:3");
  EXPECT_EQ(PlaceIn(twice, "three"), "3:13");
  EXPECT_EQ(PlaceIn(twice, "${A}"), "3:19");
  EXPECT_EQ(PlaceIn(twice, "four"), "3:25");
  EXPECT_EQ(diagnostics.ToString(), "");
}

TEST(DotEnv, ReadsLines) {
  Diagnostics diagnostics;
  auto values = ParseDotEnv(
      "\xef\xbb\xbf# comment\n\nA=1\n export B = two words # comment\r\nC='it is # raw \\n'\n"
      "D=\"a\\tb\\\"\\$\\x\" # c\nE=\nF=a#b\nG=\"two\nlines\"\nA=2\nH==x\nI='' \n",
      ".env", diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "");
  std::map<std::string, std::string> expected = {
      {"A", "2"},          {"B", "two words"}, {"C", "it is # raw \\n"},
      {"D", "a\tb\"$\\x"}, {"E", ""},          {"F", "a#b"},
      {"G", "two\nlines"}, {"H", "=x"},        {"I", ""}};
  EXPECT_EQ(values, expected);
}

TEST(DotEnv, TellsWhatIsWrongAndGoesOn) {
  Diagnostics diagnostics;
  auto values =
      ParseDotEnv("A\n=x\n1B=2\nC D=3\nE='x' hunter2\nF=ok\nG=\"open\nH=ok\n", ".env", diagnostics);
  EXPECT_EQ(diagnostics.ToString(),
            ".env:1:2: '=' is missing after 'A'; write NAME=VALUE\n"
            ".env:2:1: a name is missing; write NAME=VALUE, or # before a comment\n"
            ".env:3:1: a name is missing; write NAME=VALUE, or # before a comment\n"
            ".env:4:3: '=' is missing after 'C'; write NAME=VALUE\n"
            ".env:5:7: text after the closing quote of 'E'; put all of it into the quotes\n"
            ".env:7:3: the quote that opens here is never closed\n");
  std::map<std::string, std::string> expected = {{"F", "ok"}, {"H", "ok"}};
  EXPECT_EQ(values, expected);
}

TEST(Masked, HidesSecretsWhereverTheyStand) {
  std::map<std::string, Secret> secrets = {{"a", Secret("s3cr3t")}, {"b", Secret("abc")}};
  EXPECT_EQ(Masked("s3cr3t, 's3cr3ts3cr3t' and abc", secrets), "***, '******' and abc");
  EXPECT_EQ(Masked("", secrets), "");
}

}  // namespace
}  // namespace millrace
