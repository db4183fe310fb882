#include "config/yaml.h"

#include <gtest/gtest.h>

#include "config/diagnostics.h"

namespace millrace {
namespace {

// The tree in one line: text in '', what is quoted in "", null as ~.
std::string Dump(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::kNull: return "~";
    case YamlNode::Kind::kScalar:
      return node.quoted ? "\"" + node.scalar + "\"" : "'" + node.scalar + "'";
    case YamlNode::Kind::kList:
      for (const YamlNode& item : node.items) out += (out.empty() ? "" : " ") + Dump(item);
      return "[" + out + "]";
    case YamlNode::Kind::kMap:
      for (const auto& [key, value] : node.entries) {
        out += (out.empty() ? "" : " ") + key.scalar + "=" + Dump(value);
      }
      return "{" + out + "}";
  }
  return out;
}

std::string Parsed(std::string_view text) {
  Diagnostics diagnostics;
  YamlNode node = ParseYaml(text, "f.yml", diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "") << text;
  return Dump(node);
}

std::string Told(std::string_view text) {
  Diagnostics diagnostics;
  ParseYaml(text, "f.yml", diagnostics);
  return diagnostics.ToString();
}

TEST(Yaml, ReadsTrees) {
  struct Case {
    std::string_view text, tree;
  };
  const Case kCases[] = {
      {"", "~"},
      {"# nothing\n", "~"},
      {"a: 1\nb: [x, 'y', \"z\"]\n", "{a='1' b=['x' \"y\" \"z\"]}"},
      {"a:\n- 1\n- b: 2\n  c: 3\n", "{a=['1' {b='2' c='3'}]}"},
      {"a: no\nb: on\nc: true\nd: ~\ne: null\nf:\ng: ''\nh: 'null'\n",
       "{a='no' b='on' c='true' d=~ e=~ f=~ g=\"\" h=\"null\"}"},
      {"null: NA\n", "{null='NA'}"},
      {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a=\"x\ny\n\" b=\"x y\"}"},
      {"a: !!str 1\nb: ! 2\n", "{a=\"1\" b='2'}"},
      {"a: &x {b: 1}\nc: *x\n", "{a={b='1'} c={b='1'}}"},
      {"a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n", "{a={b='1' c='2'} d={c='3' b='1'}}"},
      {"a: &x {b: 1}\nc: &y {b: 2, d: 3}\ne: {<<: [*x, *y], f: 4}\n",
       "{a={b='1'} c={b='2' d='3'} e={b='1' d='3' f='4'}}"},
      {"a: {'<<': 1}\n", "{a={<<='1'}}"},
      {"k: &k key\n*k : 1\n", "{k='key' key='1'}"},
      {"\xef\xbb\xbf"
       "a: 1\r\nb: 2\r\n",
       "{a='1' b='2'}"},
      {"%YAML 1.2\n---\na: 1\n...\n", "{a='1'}"},
      {"a: ${X:100}\nb: ${secret:y}\n", "{a='${X:100}' b='${secret:y}'}"},
  };
  for (const Case& each : kCases) EXPECT_EQ(Parsed(each.text), each.tree) << each.text;
}

TEST(Yaml, TellsWhatIsWrongAndWhere) {
  struct Case {
    std::string_view text, told;
  };
  const Case kCases[] = {
      {"a: 1\n\tb: 2\n", "f.yml:2:1: a tab indents this line; YAML is indented by spaces only\n"},
      {"a:\n\t- 1\n", "f.yml:2:1: a tab indents this line; YAML is indented by spaces only\n"},
      {"a: 1\nname:x\nb: 2\n",
       "f.yml:2:1: a key without ':'; put a space after the ':' on line 2\n"},
      {"name:x\nb: 2\n",
       "f.yml:2:2: a key cannot stand here; put a space after the ':' on line 1\n"},
      {"a: b: c\n", "f.yml:1:5: a second ': ' on this line; quote text that contains ': '\n"},
      {"a: 'x\nb: y\n", "f.yml:1:4: the quote that opens here is never closed\n"},
      {"a: \"x\n", "f.yml:1:4: the quote that opens here is never closed\n"},
      {"a: \"x\" y\n",
       "f.yml:1:8: text after the end of a value; quote the whole value, or remove the rest\n"},
      {"a:\n  b: 1\n c: 2\n",
       "f.yml:3:2: this line does not fit the keys above it; indent it by 0 spaces, like line 1\n"},
      {"a: [1, 2\nb: 3\n",
       "f.yml:2:2: ',' or ']' is missing in the list opened on line 1; quote text that contains , "
       "[ ] "
       "{ or }\n"},
      {"a: {b: ${X}}\n", "f.yml:1:8: ${…} within { } or [ ] must be quoted; write \"${…}\"\n"},
      {"a: [${X}]\n", "f.yml:1:5: ${…} within { } or [ ] must be quoted; write \"${…}\"\n"},
      {"path: *.csv\n",
       "f.yml:1:7: a name is missing after '*'; quote text that begins with '*'\n"},
      {"a: @x\n", "f.yml:1:4: text cannot begin with '@'; quote it\n"},
      {"a: %x\n", "f.yml:1:4: text cannot begin with '%'; quote it\n"},
      {"a: \"\\d\"\n",
       "f.yml:1:5: unknown escape after '\\' in a quoted text; in '…' a backslash is just a "
       "backslash\n"},
      {"a: 1\nb: 2\na: 3\n", "f.yml:3:1: 'a' is written twice in this map; first on line 1\n"},
      {"a: *x\n",
       "f.yml:1:4: '*x' names no anchor before it; to begin text with '*', quote the text\n"},
      {"a: &base 1\nb: *bsae\n",
       "f.yml:2:4: '*bsae' names no anchor before it; did you mean '*base'?\n"},
      {"a: &x [*x]\n", "f.yml:1:8: '&x' contains itself\n"},
      {"a: {<<: 1}\n", "f.yml:1:9: '<<' merges a map, not '1'; write <<: *anchor\n"},
      {"a: 1\n---\nb: 2\n",
       "f.yml:2:1: a second document begins here; put it into a file of its own\n"},
      {"? [a]\n: 1\n", "f.yml:1:3: a key must be text\n"},
      {"{a: 1}: 1\n",
       "f.yml:1:1: a key must be text; a value that begins with '{' must be quoted\n"},
      {"a: 1\n: 1\n", "f.yml:2:1: a key is missing before ':'\n"},
      {"? \n: 1\n", "f.yml:1:2: a key is missing before ':'\n"},
      {"a: !x 1\n",
       "f.yml:1:4: the tag '!x' means nothing here; remove it; to begin text with '!', quote the "
       "text\n"},
      {"é: 1\nü: [é, *x]\n",
       "f.yml:2:10: '*x' names no anchor before it; to begin text with '*', quote the text\n"},
      {"a: \x01\n", "f.yml:1:4: a control character that YAML forbids; is this a text file?\n"},
      {"a: \xff\n", "f.yml:1:4: this byte is not UTF-8; save the file as UTF-8\n"},
      {"\xff\xfe"
       "a",
       "f.yml:1:1: the file is UTF-16; save it as UTF-8\n"},
      // All that can be told is told.
      {"a: 1\na: 2\nb: *y\nb: 3\n",
       "f.yml:2:1: 'a' is written twice in this map; first on line 1\n"
       "f.yml:3:4: '*y' names no anchor before it; to begin text with '*', quote the text\n"
       "f.yml:4:1: 'b' is written twice in this map; first on line 3\n"},
  };
  for (const Case& each : kCases) EXPECT_EQ(Told(each.text), each.told) << each.text;
}

TEST(Yaml, IsBounded) {
  std::string deep(65, '[');
  EXPECT_EQ(Told(deep + std::string(65, ']')),
            "f.yml:1:65: more than 64 levels of lists and maps\n");
  EXPECT_EQ(Told(std::string(64, '[') + std::string(64, ']')), "");

  std::string chain = "a0: &a0 []\n";  // each a level deeper than the last
  for (int i = 1; i < 70; ++i) {
    chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
             "]\n";
  }
  EXPECT_EQ(Told(chain), "f.yml:64:12: more than 64 levels of lists and maps\n");

  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    std::string alias = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int j = 0; j < 9; ++j) bomb += ", " + alias;
    bomb += "]\n";
  }
  EXPECT_EQ(
      Told(bomb),
      "f.yml:6:10: more than 200,000 values in one file; are aliases nested in each other?\n");

  std::string long_text = "a: &a " + std::string(1 << 20, 'x') + "\nb: [*a";
  for (int i = 0; i < 99; ++i) long_text += ", *a";
  EXPECT_EQ(
      Told(long_text + "]\n"),
      "f.yml:2:261: aliases repeat more than 64 MB of text; are they nested in each other?\n");
  EXPECT_EQ(Told(std::string((16 << 20) + 1, ' ')),
            "f.yml: the file is longer than 16 MB; is it YAML?\n");
}

// The place of every byte of the value of `a`, as "line:column", runs of one line joined.
std::string Places(std::string_view text) {
  Diagnostics diagnostics;
  YamlNode node = ParseYaml(text, "f.yml", diagnostics);
  EXPECT_EQ(diagnostics.ToString(), "") << text;
  const YamlNode* value = node.Find("a");
  if (value == nullptr) return "none";
  std::string out;
  Place last;
  int run = 0;
  for (size_t i = 0; i <= value->scalar.size(); ++i) {
    Place place = value->PlaceOf(i);
    bool goes_on = i > 0 && place.line == last.line && place.column == last.column + 1;
    if (!goes_on) {
      if (i > 0) out += "+" + std::to_string(run) + " ";
      out += std::to_string(place.line) + ":" + std::to_string(place.column);
      run = 0;
    }
    ++run;
    last = place;
  }
  return out + "+" + std::to_string(run);
}

TEST(Yaml, KnowsThePlaceOfEveryByteOfAScalar) {
  struct Case {
    std::string_view text, places;  // first place + number of bytes, the end included
  };
  const Case kCases[] = {
      {"a: abc\n", "1:4+4"},
      {"a: 'abc'\n", "1:5+4"},
      {"a: 'a''b'\n", "1:5+2 1:8+2"},
      {"a: \"a\\nb\\u00e9c\"\n", "1:5+2 1:8+2 1:9+1 1:15+2"},
      {"a: |\n  SELECT 1\n  FROM t\n", "2:3+9 3:3+7 4:1+1"},
      {"a: |-\n  SELECT 1\n    FROM t\n", "2:3+9 3:3+9"},
      {"a: |2\n    x\n", "2:3+4 3:1+1"},
      {"a: |\r\n  x\r\n  y\r\n", "2:3+2 3:3+2 4:1+1"},
      {"a: >\n  x\n  y\n\n  z\n", "2:3+2 3:3+1 4:1+1 5:3+2 6:1+1"},
      {"a: |+  # why\n\n  x\n\n", "2:1+1 3:3+2 4:1+1 5:1+1"},
      {"a: one\n  two\n", "1:4+4 2:3+4"},
      {"a: \"one\n\n  two\"\n", "1:5+3 2:1+1 3:3+4"},
      {"a: &x !!str\n  abc\n", "2:3+4"},
      {"b: &x 'abc'\na: *x\n", "1:8+4"},
      {"- 1\n", "none"},
      {"é: &x [1]\na: é\n", "2:4+3"},
  };
  for (const Case& each : kCases) EXPECT_EQ(Places(each.text), each.places) << each.text;
}

TEST(Yaml, AWholeFileIsAScalarWithPlaces) {
  YamlNode node = TextNode(
      "\xef\xbb\xbf"
      "SELECT 1\nFROM t",
      "q.sql");
  EXPECT_EQ(node.scalar, "SELECT 1\nFROM t");
  Diagnostics diagnostics;
  diagnostics.Error(node.PlaceOf(0), "start");
  diagnostics.Error(node.PlaceOf(14), "table");
  EXPECT_EQ(diagnostics.ToString(), "q.sql:1:1: start\nq.sql:2:6: table\n");
}

TEST(Yaml, ShowsValuesShortened) {
  YamlNode node = TextNode("a\nb", "f");
  EXPECT_EQ(node.Show(), "'a\nb'");
  node.scalar = std::string(59, 'x') + "éé";
  EXPECT_EQ(node.Show(), "'" + std::string(59, 'x') + "…'");
  node.secret = true;
  EXPECT_EQ(node.Show(), "'***'");
}

TEST(Diagnostics, AreSortedAndToldOnce) {
  Diagnostics diagnostics;
  diagnostics.Error({"b.yml", 1, 1}, "third");
  diagnostics.Warn({"a.yml", 10, 1}, "second", "look");
  diagnostics.Error({"a.yml", 9, 2}, "first");
  diagnostics.Error({"a.yml", 9, 2}, "first");
  diagnostics.Error({"a.yml"}, "whole");
  EXPECT_EQ(
      diagnostics.ToString(),
      "a.yml: whole\na.yml:9:2: first\na.yml:10:1: warning: second; look\nb.yml:1:1: third\n");
  diagnostics.Error({}, "one\nline " + std::string(5000, 'x'), "a\tb");
  EXPECT_EQ(diagnostics.Sorted()[0].message, "one line " + std::string(1991, 'x') + "…");
  EXPECT_EQ(diagnostics.Sorted()[0].hint, "a b");
}

TEST(Diagnostics, BecomeAStatus) {
  Diagnostics diagnostics;
  diagnostics.Error({"b.yml", 1, 1}, "third");
  diagnostics.Warn({"a.yml", 10, 1}, "second", "look");
  diagnostics.Error({"a.yml", 9, 2}, "first");
  EXPECT_EQ(diagnostics.ToStatus().message(), "a.yml:9:2: first\nb.yml:1:1: third");
  EXPECT_EQ(diagnostics.ToStatus().code(), Code::kInvalid);
  EXPECT_TRUE(Diagnostics().ToStatus().ok());
}

}  // namespace
}  // namespace millrace
