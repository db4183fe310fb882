#include "connect/cassandra/statements.h"

#include <gtest/gtest.h>

namespace millrace::cassandra {
namespace {

Schema Rows(const std::vector<std::pair<std::string, std::string>>& columns) {
  Schema schema;
  for (const auto& [name, type] : columns) schema.columns.push_back({name, *ParseType(type)});
  return schema;
}

CassandraTable Orders() {
  return {.keyspace = "shop",
          .name = "orders",
          .columns = {{"Customer", "text", "partition_key", 0},
                      {"id", "int", "clustering", 0},
                      {"v", "text", "regular", -1},
                      {"tags", "list<text>", "regular", -1}}};
}

TEST(Statements, ATableIsMadeOfTheColumns) {
  SinkConfig config;
  config.key = {"a", "b"};
  config.types = {{"host", "inet"}};
  auto made = CreateTable(
      Rows({{"a", "BIGINT"}, {"b", "VARCHAR"}, {"host", "VARCHAR"}, {"_tombstone", "BOOLEAN"},
            {"s", "STRUCT(x INTEGER, y STRUCT(z DATE))[]"}, {"m", "MAP(VARCHAR, DOUBLE)"}}),
      {"shop", "orders"}, config);
  ASSERT_TRUE(made.ok()) << made.status().ToString();
  EXPECT_EQ(*made,
            (std::vector<std::string>{
                "CREATE TYPE IF NOT EXISTS \"shop\".\"orders_s_y\" (\"z\" date)",
                "CREATE TYPE IF NOT EXISTS \"shop\".\"orders_s\" (\"x\" int, \"y\" "
                "frozen<\"orders_s_y\">)",
                "CREATE TABLE IF NOT EXISTS \"shop\".\"orders\" (\"a\" bigint, \"b\" text, "
                "\"host\" inet, \"s\" frozen<list<frozen<\"orders_s\">>>, "
                "\"m\" frozen<map<text, double>>, PRIMARY KEY ((\"a\"), \"b\"))"}));
}

TEST(Statements, WithoutAKeyNoTableIsMade) {
  auto made = CreateTable(Rows({{"a", "BIGINT"}}), {"shop", "orders"}, {});
  EXPECT_EQ(made.code(), Code::kInvalid);
  EXPECT_NE(made.status().hint().find("key: [id]"), std::string::npos);
}

TEST(Statements, RowsArePutByTheTablesKey) {
  SinkConfig config;
  config.ttl = std::chrono::hours(1);
  auto plan = PlanWrite(Rows({{"v", "VARCHAR"}, {"ID", "INTEGER"}, {"customer", "VARCHAR"},
                              {"_tombstone", "BOOLEAN"}}),
                        Orders(), config);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  EXPECT_EQ(plan->upsert.cql,
            "INSERT INTO \"shop\".\"orders\" (\"v\", \"id\", \"Customer\") VALUES (?, ?, ?) USING "
            "TIMESTAMP ? AND TTL 3600");
  EXPECT_EQ(plan->upsert.values, (std::vector<int>{0, 1, 2, kCassandraTimestamp}));
  EXPECT_EQ(plan->remove->cql,
            "DELETE FROM \"shop\".\"orders\" USING TIMESTAMP ? WHERE \"Customer\" = ? AND \"id\" = "
            "?");
  EXPECT_EQ(plan->remove->values, (std::vector<int>{kCassandraTimestamp, 2, 1}));
  EXPECT_EQ(plan->remove_column, 3);
  EXPECT_TRUE(plan->repeatable);
}

TEST(Statements, AListThatIsNotFrozenIsNotSentTwice) {
  Schema rows = Rows({{"id", "INTEGER"}, {"customer", "VARCHAR"}, {"tags", "VARCHAR[]"}});
  EXPECT_FALSE(PlanWrite(rows, Orders(), {})->repeatable);
}

TEST(Statements, WhatDoesNotMeetIsNamed) {
  auto unknown = PlanWrite(
      Rows({{"id", "INTEGER"}, {"customer", "VARCHAR"}, {"w", "INTEGER"}, {"x", "INTEGER"}}),
      Orders(), {});
  EXPECT_EQ(unknown.status().message(), "shop.orders has no column 'w', 'x'");
  auto keyless = PlanWrite(Rows({{"customer", "VARCHAR"}}), Orders(), {});
  EXPECT_NE(keyless.status().message().find("'id'"), std::string::npos);
  SinkConfig config;
  config.key = {"id"};
  auto other = PlanWrite(Rows({{"id", "INTEGER"}, {"customer", "VARCHAR"}}), Orders(), config);
  EXPECT_NE(other.status().message().find("(Customer, id), not (id)"), std::string::npos);
}

TEST(Statements, TablesAreNamedWithTheirKeyspace) {
  EXPECT_EQ(ParseTable("shop.orders", "")->table, "orders");
  EXPECT_EQ(ParseTable("orders", "shop")->keyspace, "shop");
  EXPECT_EQ(ParseTable("\"a.b\".c", "shop")->keyspace, "a.b");
  EXPECT_FALSE(ParseTable("orders", "").ok());
  EXPECT_FALSE(ParseTable("a.b.c", "").ok());
}

}  // namespace
}  // namespace millrace::cassandra
