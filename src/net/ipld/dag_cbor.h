// DAG-CBOR, both ways: https://ipld.io/specs/codecs/dag-cbor/spec/. One way to write each value, so
// that equal values have equal CIDs; whatever is written otherwise is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "net/ipld/cid.h"

namespace millrace::ipld {

class Value;
struct Bytes {
  std::string bytes;
  bool operator==(const Bytes&) const = default;
};
using List = std::vector<Value>;
// In any order while it is made; written, and read, by length of the key, then by its bytes.
using Map = std::vector<std::pair<std::string, Value>>;

// null, bool, int64, double, text, bytes, list, map or CID.
//   Value header(Map{{"roots", List{root}}, {"version", 1}});
class Value {
 public:
  using Held =
      std::variant<std::nullptr_t, bool, int64_t, double, std::string, Bytes, List, Map, Cid>;

  Value() : held_(nullptr) {}
  Value(std::nullptr_t) : held_(nullptr) {}              // NOLINT: implicit by design
  Value(bool value) : held_(value) {}                    // NOLINT
  Value(int value) : held_(int64_t{value}) {}            // NOLINT
  Value(int64_t value) : held_(value) {}                 // NOLINT
  Value(double value) : held_(value) {}                  // NOLINT
  Value(const char* text) : held_(std::string(text)) {}  // NOLINT
  Value(std::string text) : held_(std::move(text)) {}    // NOLINT
  Value(Bytes bytes) : held_(std::move(bytes)) {}        // NOLINT
  Value(List list);                                      // NOLINT
  Value(Map map);                                        // NOLINT
  Value(Cid cid) : held_(std::move(cid)) {}              // NOLINT

  // What it holds, or null when that is of another type.
  template <class T>
  const T* As() const {
    return std::get_if<T>(&held_);
  }
  // The entry of a map; null when it is no map or has no such key.
  const Value* Find(std::string_view key) const;
  const Held& held() const { return held_; }

  bool operator==(const Value& other) const { return held_ == other.held_; }

 private:
  Held held_;
};

struct CborLimits {
  size_t bytes = size_t{8} << 20;  // of the whole input
  int depth = 64;                  // lists and maps in each other
  size_t items = 1'000'000;        // values and keys; one takes about 100 bytes of memory
};

// All of the bytes. kInvalid says what is wrong, and at which offset: cut off, bytes left over, not
// the shortest form, keys out of order or twice, text that is no UTF-8, other tags than CIDs, NaN,
// infinity, integers beyond int64, a limit.
Result<Value> ReadDagCbor(std::string_view bytes, const CborLimits& limits = {});
// The links of a block, in order, without keeping its values.
Result<std::vector<Cid>> LinksOfDagCbor(std::string_view bytes, const CborLimits& limits = {});

// kInvalid: what cannot be written: NaN, infinity, a key twice, text that is no UTF-8, deeper
// than 64.
Result<std::string> WriteDagCbor(const Value& value);

// For what is too large to be held as a Value: the heads of it, in the shortest form.
enum class Major : uint8_t {
  kInt = 0,
  kNegative = 1,
  kBytes = 2,
  kText = 3,
  kList = 4,
  kMap = 5,
  kTag = 6
};
void AppendCborHead(std::string& to, Major major, uint64_t argument);
void AppendCborBytes(std::string& to, std::string_view bytes);
void AppendCborCid(std::string& to, const Cid& cid);

}  // namespace millrace::ipld
