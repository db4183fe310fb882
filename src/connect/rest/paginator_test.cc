#include "connect/rest/paginator.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "connect/rest/cursor.h"
#include "connect/rest/members.h"

namespace millrace::rest {
namespace {

TEST(NextLink, AsRfc8288HasIt) {
  auto next = [](const std::string& value) { return NextLink({{"link", value}}); };
  EXPECT_EQ(next("<https://x/?page=2>; rel=\"next\""), "https://x/?page=2");
  EXPECT_EQ(next("<a>; rel=prev, <b>; title=\"x\"; rel=next"), "b");
  EXPECT_EQ(next("<a>; rel=\"last next\""), "a");
  EXPECT_EQ(next("<a>; rel=\"nextish\""), "");
  EXPECT_EQ(next("<a>; rel=\"prev\""), "");
  EXPECT_EQ(next("rel=next"), "");
  EXPECT_EQ(next("<a; rel=next"), "");
  EXPECT_EQ(NextLink({}), "");
  EXPECT_EQ(NextLink({{"Link", "<a>; rel=first"}, {"LINK", "<b>; REL=\"Next\""}}), "b");
}

class PaginatorTest : public testing::Test {
 protected:
  // The state after a page; "end" or the error when there is none.
  std::string Next(const PaginatorConfig& config, const std::string& beside, int64_t records,
                   const http::Headers& headers = {}, const std::string& url = "https://x/a?p=1") {
    Paginator paginator = *Paginator::Make(config);
    http::Response response;
    response.url = url;
    response.headers = headers;
    std::string last = R"({"id": 41})";
    auto next = paginator.Next(
        paginator.First(),
        {.response = &response, .beside = &beside, .last = &last, .records = records});
    return !next.ok() ? next.status().message() : next->value_or("end");
  }
};

TEST_F(PaginatorTest, CountsPagesAndRecords) {
  PaginatorConfig page{.type = PageType::kPage};
  EXPECT_EQ(Next(page, "{}", 3), R"({"at":2})");
  EXPECT_EQ(Next(page, "{}", 0), "end");
  page.page_size = 3;
  EXPECT_EQ(Next(page, "{}", 2), "end");
  page.total = "n";
  EXPECT_EQ(Next(page, R"({"n": 2})", 2), R"({"at":2})");
  EXPECT_EQ(Next(page, R"({"n": "1"})", 3), "end");
  EXPECT_EQ(Next(page, R"({"n": "?"})", 3), "there is no number at 'n' in the answer");
  PaginatorConfig offset{.type = PageType::kOffset, .page_size = 5, .total = "n"};
  EXPECT_EQ(Next(offset, R"({"n": 6})", 5), R"({"at":5})");
  EXPECT_EQ(Next(offset, R"({"n": 5})", 5), "end");
}

TEST_F(PaginatorTest, FollowsCursorsAndAddresses) {
  PaginatorConfig cursor{.type = PageType::kCursor, .cursor = "m.next"};
  EXPECT_EQ(Next(cursor, R"({"m": {"next": "a/b="}})", 1), R"({"cursor":"a/b="})");
  EXPECT_EQ(Next(cursor, R"({"m": {"next": 12}})", 1), R"({"cursor":"12"})");
  for (const char* last :
       {R"({"m": {"next": null}})", R"({"m": {"next": ""}})", "{}", R"({"m": {"next": false}})"})
    EXPECT_EQ(Next(cursor, last, 1), "end") << last;
  cursor.cursor = "last_record.id";
  EXPECT_EQ(Next(cursor, "{}", 1), R"({"cursor":"41"})");
  EXPECT_EQ(Next(cursor, "{}", 0), "end");
  cursor.cursor = "headers.X-Next";
  EXPECT_EQ(Next(cursor, "{}", 1, {{"x-next", "t"}}), R"({"cursor":"t"})");
  PaginatorConfig any;
  EXPECT_EQ(Next(any, R"({"next": "?p=2"})", 1), R"({"url":"https://x/a?p=2"})");
  EXPECT_EQ(Next(any, R"({"_links": {"next": {"href": "/b"}}})", 1), R"({"url":"https://x/b"})");
  EXPECT_EQ(Next(any, R"({"next": "token-7"})", 1), "end") << "that is no address";
  EXPECT_EQ(Next(any, "", 1, {{"Link", "<?p=3>; rel=next"}}), R"({"url":"https://x/a?p=3"})");
  EXPECT_EQ(Next(any, R"({"next": "https://y/a"})", 1),
            "the next page is on another host: https://y/a");
  EXPECT_EQ(Next(any, R"({"next": "http://x/a"})", 1),
            "the next page is at http://x/a, without encryption");
}

TEST(Members, OnlyKnownNamesAreFilledIn) {
  Member member{.values = {{"each.id", "a b/c"}, {"window.start", "2024"}}};
  EXPECT_EQ(Fill("/x/{each.id}?{each.no}{}{\"a\":1}{window.start}", member),
            "/x/a b/c?{each.no}{}{\"a\":1}2024");
  EXPECT_EQ(Fill("/x/{each.id}", member, true), "/x/a%20b%2Fc");
  EXPECT_EQ(Fill("{{each.id}}{", member), "{a b/c}{");
  EXPECT_EQ(NamesIn("{each.a}{each.}{cursor}{each.b c}"),
            (std::vector<std::string>{"each.a", "cursor"}));
}

TEST(Cursor, OrderOfItsType) {
  CursorOrder time{CursorType::kTime}, number{CursorType::kNumber}, text{CursorType::kText};
  EXPECT_TRUE(time.Less("2024-01-02", "2024-01-02T00:00:01+00:00"));
  EXPECT_TRUE(time.Less("1704067200", "1704067200001")) << "seconds and milliseconds";
  EXPECT_TRUE(number.Less("9", "10"));
  EXPECT_TRUE(number.Less("9007199254740992", "9007199254740993")) << "beyond doubles";
  EXPECT_TRUE(text.Less("10", "9"));
  EXPECT_FALSE(time.Check("yesterday").ok());
  EXPECT_FALSE(number.Check("12a").ok());
  EXPECT_EQ(*time.Back("2024-01-02T00:00:00Z", std::chrono::hours(1)),
            "2024-01-01T23:00:00.000000Z");
  EXPECT_EQ(*number.Back("10", std::chrono::seconds(3)), "7");
  Time moment = *ParseTime("2024-01-02T03:04:05.678Z");
  EXPECT_EQ(FormatCursorTime(moment, "iso8601"), "2024-01-02T03:04:05.678000Z");
  EXPECT_EQ(FormatCursorTime(moment, "epoch"), "1704164645");
  EXPECT_EQ(FormatCursorTime(moment, "epoch_ms"), "1704164645678");
  EXPECT_EQ(FormatCursorTime(moment, "%Y/%m"), "2024/01");
}

}  // namespace
}  // namespace millrace::rest
