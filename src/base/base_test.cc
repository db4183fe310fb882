#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/hash.h"
#include "base/text.h"
#include "base/time.h"
#include "base/utf8.h"

namespace millrace {
namespace {

TEST(Time, ReadsBackWhatItWrites) {
  for (const char* text : {"2026-11-21T06:50:52.123456Z", "1969-12-31T23:59:59.999999Z",
                           "2024-02-29T00:00:00.000000Z"}) {
    EXPECT_EQ(FormatTime(*ParseTime(text)), text);
  }
  EXPECT_EQ(FormatTime(*ParseTime("2026-11-21 06:50+01:00")), "2026-11-21T05:50:00.000000Z");
  for (const char* bad : {"", "2026", "2026-13-01", "2026-02-30", "2026-01-01T25:00", "2026-01-01x",
                          "2026-01-01T10:00:00+99:00"}) {
    EXPECT_FALSE(ParseTime(bad).ok()) << bad;
  }
}

TEST(Time, UnitsAreNotGuessed) {
  EXPECT_EQ(*ParseDuration("1h30m"), std::chrono::minutes(90));
  EXPECT_EQ(*ParseDuration("250ms"), std::chrono::milliseconds(250));
  for (const char* bad : {"", "5", "5 parsecs", "-1s", "1e400s"})
    EXPECT_FALSE(ParseDuration(bad).ok()) << bad;
  EXPECT_EQ(*ParseBytes("512MB"), 512'000'000);
  EXPECT_EQ(*ParseBytes("50%", 200), 100);
  EXPECT_FALSE(ParseBytes("50%").ok());
}

TEST(Time, HasNoSignsWithinIt) {
  for (const char* bad :
       {"-123-01-01", "2026-01-01T-1:00", "2026-01-01T10:-1", "2026-01-01T10:00:-1",
        "2026-01-01T10:00+-1:00", "2026-+1-01", "2026-01-01T10:00:00.-1"}) {
    EXPECT_FALSE(ParseTime(bad).ok()) << bad;
  }
}

TEST(Time, IsRoundedNotCut) {
  EXPECT_EQ(*ParseDuration("1.001s"), Micros(1'001'000));
  EXPECT_EQ(*ParseDuration("0.29s"), Micros(290'000));
  EXPECT_EQ(FormatDuration(Micros(59'960'000)), "1m 0s");
  EXPECT_EQ(FormatDuration(Micros(59'900'000)), "59.9 s");
  EXPECT_EQ(FormatDuration(std::chrono::minutes(125)), "2h 5m");
}

TEST(Time, WritesWhatItReadsBack) {
  for (const char* text : {"0s", "90s", "250ms", "1.5ms", "3m", "25h", "1d", "2w"}) {
    EXPECT_EQ(DurationText(*ParseDuration(text)), text);
  }
  for (const char* text : {"0", "1001", "1kB", "3KiB", "64MB", "64MiB", "2GB", "2GiB"}) {
    EXPECT_EQ(BytesText(*ParseBytes(text)), text);
  }
}

TEST(Text, GlobKeepsToItsSegment) {
  EXPECT_TRUE(GlobMatch("data/*.csv", "data/a.csv"));
  EXPECT_FALSE(GlobMatch("data/*.csv", "data/x/a.csv"));
  EXPECT_TRUE(GlobMatch("data/**/*.csv", "data/x/y/a.csv"));
  EXPECT_TRUE(GlobMatch("data/**/*.csv", "data/a.csv"));
  EXPECT_TRUE(GlobMatch("a?[0-9].txt", "ab7.txt"));
  EXPECT_FALSE(GlobMatch("a?[!0-9].txt", "ab7.txt"));
  EXPECT_TRUE(GlobMatch("**", "a/b/c"));
  EXPECT_FALSE(GlobMatch("a*b", "acbd"));
  EXPECT_TRUE(GlobMatch("**/a.csv", "x/a.csv"));
  EXPECT_FALSE(GlobMatch("**/a.csv", "xa.csv"));
  EXPECT_TRUE(GlobMatch("**/x/**/b?.csv", "a/x/y/x/z/b1.csv"));
  EXPECT_FALSE(GlobMatch("data/**/x/*.csv", "data/x/y/a.csv"));
  EXPECT_TRUE(GlobMatch("a*b*c", "aXbXbc"));
  EXPECT_TRUE(GlobMatch("[x", "[x"));
  EXPECT_TRUE(GlobMatch("[]-]*", "]a"));
  EXPECT_FALSE(GlobMatch("a", "a/"));
  EXPECT_FALSE(GlobMatch("?", ""));
}

TEST(Text, SuggestsOnlyWhatIsNear) {
  EXPECT_EQ(Closest("tabel", {"table", "topic"}), "table");
  EXPECT_EQ(Closest("xyzzy", {"table", "topic"}), "");
}

TEST(Text, KnowsNames) {
  for (const char* name : {"a", "_", "Z9_z"}) EXPECT_TRUE(IsName(name)) << name;
  for (const char* other : {"", "9a", "a b", "a-b", "é"}) EXPECT_FALSE(IsName(other)) << other;
}

TEST(Text, IsNotCutWithinACharacter) {
  EXPECT_EQ(CutText("abc", 3), "abc");
  EXPECT_EQ(CutText("abcd", 3), "abc…");
  EXPECT_EQ(CutText("aéé", 4), "aé…");
  EXPECT_EQ(CutText("é", 1), "…");
}

TEST(Utf8, IsTold) {
  for (std::string text :
       {"", "abc", "é€😀", "a long enough text of ASCII, é and 😀 in it", "\xed\x9f\xbf"})
    EXPECT_TRUE(IsUtf8Text(text)) << text;
  for (std::string bytes :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf0\x80\x80\xaf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "12345678\xff", "ab\xe2\x82"})
    EXPECT_FALSE(IsUtf8Text(bytes)) << Base64(bytes);
}

TEST(Utf8, AByteIsSeenAnywhere) {
  for (size_t size = 0; size < 40; ++size) {
    std::string text(size, 'x');
    EXPECT_TRUE(IsAscii(text)) << size;
    for (size_t at = 0; at < size; ++at) {
      text[at] = '\x80';
      EXPECT_FALSE(IsAscii(text)) << at << " of " << size;
      EXPECT_FALSE(IsUtf8Text(text)) << at << " of " << size;
      text[at] = 'x';
    }
  }
}

TEST(Base64, BothWays) {
  for (std::string bytes : {std::string(), std::string("\0", 1), std::string("ab"),
                            std::string("abc"), std::string("\xff\xfe\xfd\xfc")})
    EXPECT_EQ(FromBase64(Base64(bytes)), bytes);
  for (const char* wrong : {"a", "ab=", "a===", "ab=c", "====", "ab c", "a-b_"})
    EXPECT_EQ(FromBase64(wrong), std::nullopt) << wrong;
  EXPECT_EQ(BytesAsText("né"), "né");
  EXPECT_EQ(BytesAsText("\xff"), "base64:/w==");
  for (const char* bytes : {"", "né", "\xff", "base64:", "base64:/w=="})
    EXPECT_EQ(BytesOfText(BytesAsText(bytes)), bytes);
}

TEST(Hash, IsSha256) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace millrace
