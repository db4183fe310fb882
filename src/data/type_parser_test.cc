#include <gtest/gtest.h>

#include "data/schema.h"

namespace millrace {
namespace {

std::string RoundTrip(std::string_view text) {
  Result<Type> type = ParseType(text);
  return type.ok() ? type->ToSql() : type.status().message();
}

TEST(ParseType, ReadsWhatToSqlWrites) {
  for (const char* text :
       {"BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "FLOAT", "DOUBLE", "DECIMAL(10,2)",
        "VARCHAR", "BLOB", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "INTEGER[]",
        "VARCHAR[][]", "MAP(VARCHAR, STRUCT(\"a\" INTEGER, \"b c\" DECIMAL(38,0)[])[])",
        "STRUCT(\"it\"\"s\" DATE)"}) {
    EXPECT_EQ(RoundTrip(text), text);
  }
}

TEST(ParseType, KnowsOtherNames) {
  EXPECT_EQ(RoundTrip(" int "), "INTEGER");
  EXPECT_EQ(RoundTrip("Text"), "VARCHAR");
  EXPECT_EQ(RoundTrip("varchar(20)"), "VARCHAR");
  EXPECT_EQ(RoundTrip("numeric(5)"), "DECIMAL(5,0)");
  EXPECT_EQ(RoundTrip("decimal"), "DECIMAL(18,3)");
  EXPECT_EQ(RoundTrip("timestamptz"), "TIMESTAMP WITH TIME ZONE");
  EXPECT_EQ(RoundTrip("double  precision"), "DOUBLE");
  EXPECT_EQ(RoundTrip("struct(a int, b text[])"), "STRUCT(\"a\" INTEGER, \"b\" VARCHAR[])");
}

TEST(ParseType, RefusesTheRest) {
  for (const char* text : {"", "integre", "UBIGINT", "DECIMAL(39,0)", "DECIMAL(2,3)", "STRUCT()",
                           "STRUCT(a)", "MAP(INT)", "INTEGER[", "INTEGER]", "STRUCT(\"a INT)",
                           "INTEGER INTEGER", "VARCHAR(x)", "DECIMAL(1,2"}) {
    EXPECT_EQ(ParseType(text).code(), Code::kInvalid) << text;
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "STRUCT(a ";
  EXPECT_EQ(ParseType(deep).code(), Code::kInvalid);
}

}  // namespace
}  // namespace millrace
