#include "data/column_builder.h"

#include <gtest/gtest.h>
#include <nanoarrow/nanoarrow.h>

#include "data/column_view.h"

namespace millrace {
namespace {

Schema Columns(std::initializer_list<std::pair<const char*, const char*>> columns) {
  Schema schema;
  for (const auto& [name, type] : columns) schema.columns.push_back({name, *ParseType(type)});
  return schema;
}

TEST(ColumnBuilder, WhatIsBuiltIsReadBack) {
  BatchBuilder rows(Columns({{"b", "BOOLEAN"},
                             {"i", "SMALLINT"},
                             {"m", "DECIMAL(38,2)"},
                             {"t", "VARCHAR"},
                             {"l", "STRUCT(x BIGINT, y VARCHAR)[]"}}));
  for (int64_t row = 0; row < 20; ++row) {
    bool null = row % 3 == 1;
    for (size_t i = 0; null && i < 5; ++i) rows.column(i).AppendNull();
    if (!null) {
      rows.column(0).AppendBool(row % 2 == 0);
      rows.column(1).AppendInt(-row);
      rows.column(2).AppendDecimal(static_cast<__int128>(row) << 100);
      rows.column(3).AppendBytes(std::string(static_cast<size_t>(row), 'x'));
      ColumnBuilder& item = rows.column(4).child(0);
      for (int64_t i = 0; i < row; ++i) {
        item.child(0).AppendInt(i);
        i % 2 ? item.child(1).AppendNull() : item.child(1).AppendBytes("y");
        item.EndStruct();
      }
      rows.column(4).EndList();
    }
    ASSERT_TRUE(rows.EndRow().ok());
  }
  Rows taken = *rows.Take();
  EXPECT_EQ(rows.count(), 0);
  RowsView view = *RowsView::Of(taken);
  ASSERT_EQ(view.count(), 20);
  for (int64_t row = 0; row < 20; ++row) {
    bool null = row % 3 == 1;
    for (size_t i = 0; i < 5; ++i) ASSERT_EQ(view.column(i).IsNull(row), null) << row;
    if (null) continue;
    EXPECT_EQ(view.column(0).Bool(row), row % 2 == 0);
    EXPECT_EQ(view.column(1).Int(row), -row);
    EXPECT_TRUE(view.column(2).Decimal(row) == static_cast<__int128>(row) << 100);
    EXPECT_EQ(view.column(3).Bytes(row).size(), static_cast<size_t>(row));
    auto [begin, end] = view.column(4).List(row);
    ASSERT_EQ(end - begin, row);
    const ColumnView& item = view.column(4).child(0);
    for (int64_t i = 0; i < row; ++i) {
      EXPECT_EQ(item.child(0).Int(begin + i), i);
      EXPECT_EQ(item.child(1).IsNull(begin + i), i % 2 == 1);
    }
  }
}

TEST(ColumnBuilder, BytesOfEveryLength) {
  BatchBuilder rows(Columns({{"t", "VARCHAR"}}));
  std::string text;
  for (int64_t size = 0; size < 100; ++size) {
    rows.column(0).AppendBytes(text);
    ASSERT_TRUE(rows.EndRow().ok());
    text += static_cast<char>('!' + size);
  }
  for (int64_t size = 0; size < 100; ++size)
    EXPECT_EQ(rows.column(0).Raw(size), text.substr(0, static_cast<size_t>(size)));
}

// A row that was half appended leaves nothing, whatever stood in it and came before.
TEST(ColumnBuilder, RollbackAtEveryPlace) {
  Schema schema = Columns({{"b", "BOOLEAN"}, {"m", "MAP(VARCHAR, BOOLEAN[])"}, {"i", "INTEGER"}});
  for (int half = 0; half < 9; ++half) {
    BatchBuilder rows(schema);
    auto append = [&](int steps, bool null) {
      ColumnBuilder& map = rows.column(1);
      if (steps > 0) null ? rows.column(0).AppendNull() : rows.column(0).AppendBool(true);
      if (steps > 1) map.child(0).AppendBytes("key");
      if (steps > 2) map.child(1).child(0).AppendBool(true);
      if (steps > 3)
        null ? map.child(1).child(0).AppendNull() : map.child(1).child(0).AppendBool(false);
      if (steps > 4) map.child(1).EndList();
      if (steps > 5) map.child(0).AppendBytes("null"), map.child(1).AppendNull();
      if (steps > 6) map.EndList();
      if (steps > 7) null ? rows.column(2).AppendNull() : rows.column(2).AppendInt(7);
    };
    for (int row = 0; row < 30; ++row) {
      append(half, row % 2 == 0);
      rows.Rollback();
      append(8, row % 4 == 0);
      ASSERT_TRUE(rows.EndRow().ok());
    }
    Rows taken = *rows.Take();
    RowsView view = *RowsView::Of(taken);
    ASSERT_EQ(view.count(), 30);
    for (int64_t row = 0; row < 30; ++row) {
      ASSERT_EQ(view.column(0).IsNull(row), row % 4 == 0);
      ASSERT_EQ(view.column(2).IsNull(row), row % 4 == 0);
      auto [begin, end] = view.column(1).List(row);
      ASSERT_EQ(end - begin, 2);
      EXPECT_EQ(view.column(1).child(0).Bytes(begin), "key");
      auto [first, last] = view.column(1).child(1).List(begin);
      ASSERT_EQ(last - first, 2);
      EXPECT_TRUE(view.column(1).child(1).child(0).Bool(first));
      EXPECT_EQ(view.column(1).child(1).child(0).IsNull(first + 1), row % 4 == 0);
      EXPECT_TRUE(view.column(1).child(1).IsNull(begin + 1));
    }
  }
}

TEST(ColumnBuilder, KeysThatAreThereTwice) {
  for (int64_t keys : {2, 3, 40}) {
    BatchBuilder rows(Columns({{"m", "MAP(VARCHAR, INTEGER)"}, {"b", "MAP(BOOLEAN, INTEGER)"}}));
    ColumnBuilder& names = rows.column(0).child(0);
    names.AppendBytes("0");  // of an earlier map
    for (int64_t i = 0; i < keys; ++i) names.AppendBytes(std::to_string(i));
    EXPECT_FALSE(names.HasTwice(1));
    EXPECT_TRUE(names.HasTwice(0));
    ColumnBuilder& flags = rows.column(1).child(0);
    for (int64_t i = 0; i < keys; ++i) flags.AppendBool(i % 2 == 0);
    EXPECT_EQ(flags.HasTwice(0), keys > 2);
  }
}

TEST(RowsView, RowsBehindAnOffset) {
  BatchBuilder rows(Columns({{"s", "STRUCT(l INTEGER[])"}}));
  for (int64_t row = 0; row < 5; ++row) {
    ColumnBuilder& list = rows.column(0).child(0);
    for (int64_t i = 0; i <= row; ++i) list.child(0).AppendInt(10 * row + i);
    list.EndList();
    rows.column(0).EndStruct();
    ASSERT_TRUE(rows.EndRow().ok());
  }
  Rows all = *rows.Take();
  auto* array = const_cast<ArrowArray*>(all.array());
  array->offset = 3;
  array->length = 2;
  RowsView view = *RowsView::Of(all);
  ASSERT_EQ(view.count(), 2);
  const ColumnView& list = view.column(0).child(0);
  auto [begin, end] = list.List(0);
  EXPECT_EQ(end - begin, 4);
  EXPECT_EQ(list.child(0).Int(begin), 30);
}

}  // namespace
}  // namespace millrace
