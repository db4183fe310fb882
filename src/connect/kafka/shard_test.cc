#include "connect/kafka/shard.h"

#include <gtest/gtest.h>

namespace millrace::kafka {
namespace {

TEST(Shard, IsParsed) {
  Shard shard = Shard::Parse("1/3").value();
  EXPECT_EQ(shard.Of({{"t", {{0, 5}, {1, 6}, {4, 7}}}, {"u", {{0, 1}}}}),
            (KafkaOffsets{{"t", {{1, 6}, {4, 7}}}}));
  EXPECT_TRUE(Shard::Parse("").value().Has(17));
  for (const char* wrong : {"3/3", "1", "/", "1/", "-1/2", "0/0", "a/2", "0/2x", "1/99999"})
    EXPECT_EQ(Shard::Parse(wrong).code(), Code::kInvalid) << wrong;
}

TEST(Shard, ShardsTellOneGroup) {
  EXPECT_EQ(WithoutShard("p/t[shard=0/4]", "0/4"), "p/t");
  EXPECT_EQ(WithoutShard("p/t[shard=1/4]", ""), "p/t[shard=1/4]");
  EXPECT_EQ(WithoutShard("p/t[shard=0/4,region=eu]", "0/4"), "p/t[region=eu]");
  EXPECT_EQ(WithoutShard("p/t[region=eu,shard=0/4]", "0/4"), "p/t[region=eu]");
  EXPECT_EQ(WithoutShard("p/t[a=1,shard=0/4,b=2]", "0/4"), "p/t[a=1,b=2]");
  EXPECT_EQ(WithoutShard("p/t[shard=0/40]", "0/4"), "p/t[shard=0/40]");
  EXPECT_EQ(WithoutShard("p/t", "0/4"), "p/t");
}

Status Refuse(const std::string& by, const std::string& task, const std::string& shard,
              const Start& start = {}) {
  Readers readers{"g", {{"orders", {{0, {17, by}}, {1, {4, by}}}}}};
  return readers.Refuse({{"orders", {{0, 0}}}}, start, task, shard);
}

TEST(Shard, WhatAnotherDivisionReadIsRefused) {
  Status refused = Refuse("p/t[shard=0/4] shard 0/4", "p/t[shard=0/2]", "0/2");
  EXPECT_EQ(refused.code(), Code::kInvalid);
  EXPECT_NE(refused.message().find("orders/0 was read up to offset 17 by p/t[shard=0/4]"),
            std::string::npos)
      << refused.ToString();
  EXPECT_NE(refused.hint().find("from: {orders: {0: 17, 1: 4}}"), std::string::npos);
  EXPECT_TRUE(Refuse("", "p/t", "0/2").code() == Code::kInvalid) << "whoever did";
  EXPECT_EQ(Refuse("p/t shard 0/2", "p/t", "").code(), Code::kInvalid);
  EXPECT_EQ(Refuse("p/t shard 0/2", "p/t", "0/3").code(), Code::kInvalid);
  EXPECT_TRUE(Refuse("p/t shard 0/2", "p/t", "0/2").ok()) << "its own: it reads all again";
  EXPECT_TRUE(Refuse("p/other", "p/t", "").ok()) << "unsharded tasks may use one group";
  EXPECT_TRUE(Refuse("p/t shard 0/4", "p/t", "0/2", {.offsets = {{"orders", {{0, 17}}}}}).ok());
  EXPECT_TRUE(Refuse("p/t shard 0/4", "p/t", "0/2", {.offsets = {{"", {{0, 17}}}}}).ok());
  EXPECT_FALSE(Refuse("p/t shard 0/4", "p/t", "0/2", {.offsets = {{"", {{1, 17}}}}}).ok());
}

}  // namespace
}  // namespace millrace::kafka
