// One Arrow column being built of values as PostgreSQL sends them. Internal to row_batch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "connect/postgres/types.h"

struct ArrowArray;
struct ArrowBitmap;
struct ArrowBuffer;

namespace millrace::postgres {

// Appends into an array that was started with a schema of the type; Close() before it is finished.
// Each Append returns null, or why the lake cannot hold the value.
class ColumnBuilder {
 public:
  ColumnBuilder(const PgType& type, ArrowArray* array);

  const char* Null();
  const char* Binary(std::string_view bytes);
  const char* Text(std::string_view text);
  void Close();

 private:
  template <class T>
  const char* Fixed(T value);
  template <class T>
  const char* Parsed(std::string_view text);
  const char* Bytes(std::string_view bytes);
  const char* Uuid(std::string_view bytes);
  const char* Bool(bool value);
  const char* Decimal(std::string_view bytes);
  const char* BinaryArray(std::string_view bytes);
  const char* TextArray(std::string_view text);
  const char* HexBytes(std::string_view text);
  const char* EndList(int64_t count);
  void Valid();

  const PgType* type_;
  ArrowArray* array_;
  ArrowBitmap* valid_;
  ArrowBuffer* first_;  // the values, or where they begin
  ArrowBuffer* bytes_ = nullptr;
  std::vector<ColumnBuilder> element_;
  int64_t length_ = 0, nulls_ = 0;
};

inline constexpr char kNoMemory[] = "no memory for it";
inline constexpr char kBroken[] = "it is not in the form of its type";

}  // namespace millrace::postgres
