#include "net/ipld/dag_cbor.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "base/utf8.h"

namespace millrace::ipld {

namespace {

constexpr int kMaxDepth = 64;
constexpr uint64_t kCidTag = 42;
enum Simple : uint64_t { kFalse = 20, kTrue = 21, kNull = 22, kDouble = 27 };

bool Before(std::string_view a, std::string_view b) {
  return a.size() != b.size() ? a.size() < b.size() : a < b;
}

struct Head {
  int major;
  int info;  // the low five bits
  uint64_t argument;
};

class Reader {
 public:
  Reader(std::string_view bytes, const CborLimits& limits) : bytes_(bytes), limits_(limits) {}

  Result<Value> ReadAll() {
    if (bytes_.size() > limits_.bytes)
      return Invalid("a DAG-CBOR value of " + std::to_string(bytes_.size()) + " bytes: at most " +
                     std::to_string(limits_.bytes));
    Value value = TRY(Read(0));
    if (at_ != bytes_.size()) return Wrong("there are bytes after the value");
    return value;
  }

  std::vector<Cid>* links = nullptr;  // when set, links go there, and values are not kept

 private:
  Status Wrong(const std::string& what) const {
    return Invalid("no DAG-CBOR at byte " + std::to_string(at_) + ": " + what);
  }

  Result<std::string_view> Take(uint64_t size) {
    if (size > bytes_.size() - at_) return Wrong("it is cut off");
    std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  Result<Head> TakeHead() {
    if (++items_ > limits_.items)
      return Wrong("more than " + std::to_string(limits_.items) + " values");
    auto first = static_cast<unsigned char>(TRY(Take(1))[0]);
    Head head{first >> 5, first & 31, static_cast<uint64_t>(first & 31)};
    if (head.info < 24) return head;
    if (head.info > 27) return Wrong("an indefinite length or a reserved one");
    int width = 1 << (head.info - 24);
    head.argument = 0;
    for (unsigned char byte : TRY(Take(width))) head.argument = head.argument << 8 | byte;
    uint64_t least = width == 1 ? 24 : uint64_t{1} << (width * 4);
    if (head.major != 7 && head.argument < least) return Wrong("not the shortest form of a number");
    return head;
  }

  Result<Value> Read(int depth) {
    Head head = TRY(TakeHead());
    switch (head.major) {
      case 0:
      case 1:
        if (head.argument > INT64_MAX) return Wrong("an integer beyond 64 bits with sign");
        return Value(head.major == 0 ? static_cast<int64_t>(head.argument)
                                     : -1 - static_cast<int64_t>(head.argument));
      case 2: return Kept(Bytes{std::string(TRY(Take(head.argument)))});
      case 3: return Kept(std::string(TRY(TakeText(head.argument))));
      case 4: return ReadList(head.argument, depth + 1);
      case 5: return ReadMap(head.argument, depth + 1);
      case 6: return ReadCid(head.argument);
      default: return ReadSimple(head);
    }
  }

  template <class T>
  Value Kept(T value) {
    return links ? Value() : Value(std::move(value));
  }

  Result<std::string_view> TakeText(uint64_t size) {
    std::string_view text = TRY(Take(size));
    if (!IsUtf8Text(text)) return Wrong("text that is no UTF-8");
    return text;
  }

  // No length is believed before the bytes are there: an item takes one at least.
  Status Enter(uint64_t count, int depth) {
    if (depth > limits_.depth)
      return Wrong("lists and maps more than " + std::to_string(limits_.depth) + " deep");
    if (count > bytes_.size() - at_) return Wrong("it is cut off");
    return Status::Ok();
  }

  Result<Value> ReadList(uint64_t count, int depth) {
    TRY(Enter(count, depth));
    List list;
    for (uint64_t i = 0; i < count; ++i) {
      Value value = TRY(Read(depth));
      if (!links) list.push_back(std::move(value));
    }
    return Value(std::move(list));
  }

  Result<Value> ReadMap(uint64_t count, int depth) {
    TRY(Enter(count, depth));
    Map map;
    std::string_view last;
    for (uint64_t i = 0; i < count; ++i) {
      Head head = TRY(TakeHead());
      if (head.major != 3) return Wrong("a key of a map that is no text");
      std::string_view key = TRY(TakeText(head.argument));
      if (i > 0 && !Before(last, key)) return Wrong("keys of a map out of order, or twice");
      last = key;
      Value value = TRY(Read(depth));
      if (!links) map.emplace_back(std::string(key), std::move(value));
    }
    return Value(std::move(map));
  }

  Result<Value> ReadCid(uint64_t tag) {
    if (tag != kCidTag) return Wrong("tag " + std::to_string(tag) + ": only 42, a CID");
    Head head = TRY(TakeHead());
    if (head.major != 2) return Wrong("a CID that is no byte string");
    std::string_view bytes = TRY(Take(head.argument));
    if (!bytes.starts_with('\0')) return Wrong("a CID without the zero byte before it");
    Result<Cid> cid = Cid::FromBytes(bytes.substr(1));
    if (!cid.ok()) return Wrong(cid.status().message());
    if (!links) return Value(*std::move(cid));
    links->push_back(*std::move(cid));
    return Value();
  }

  Result<Value> ReadSimple(const Head& head) {
    if (head.info == kFalse || head.info == kTrue) return Value(head.info == kTrue);
    if (head.info == kNull) return Value();
    if (head.info != kDouble) return Wrong("a simple value or a float of other than 64 bits");
    auto number = std::bit_cast<double>(head.argument);
    if (!std::isfinite(number)) return Wrong("NaN or infinity");
    return Value(number);
  }

  const std::string_view bytes_;
  const CborLimits& limits_;
  size_t at_ = 0, items_ = 0;
};

Status Append(std::string& to, const Value& value, int depth);

Status AppendText(std::string& to, const std::string& text) {
  if (!IsUtf8Text(text)) return Invalid("text that is no UTF-8 cannot be DAG-CBOR");
  AppendCborHead(to, Major::kText, text.size());
  to += text;
  return Status::Ok();
}

Status AppendMap(std::string& to, const Map& map, int depth) {
  std::vector<const Map::value_type*> entries;
  for (const auto& entry : map) entries.push_back(&entry);
  std::sort(entries.begin(), entries.end(),
            [](auto* a, auto* b) { return Before(a->first, b->first); });
  AppendCborHead(to, Major::kMap, map.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i > 0 && entries[i]->first == entries[i - 1]->first)
      return Invalid("a map with the key '" + entries[i]->first + "' twice cannot be DAG-CBOR");
    TRY(AppendText(to, entries[i]->first));
    TRY(Append(to, entries[i]->second, depth));
  }
  return Status::Ok();
}

Status AppendDouble(std::string& to, double number) {
  if (!std::isfinite(number)) return Invalid("NaN and infinity cannot be DAG-CBOR");
  auto bits = std::bit_cast<uint64_t>(number);
  to += static_cast<char>(7 << 5 | kDouble);
  for (int shift = 56; shift >= 0; shift -= 8) to += static_cast<char>(bits >> shift);
  return Status::Ok();
}

Status Append(std::string& to, const Value& value, int depth) {
  if (depth > kMaxDepth) return Invalid("lists and maps more than 64 deep cannot be DAG-CBOR");
  if (auto* number = value.As<int64_t>()) {
    bool negative = *number < 0;
    AppendCborHead(to, negative ? Major::kNegative : Major::kInt,
                   static_cast<uint64_t>(negative ? ~*number : *number));
  } else if (auto* truth = value.As<bool>()) {
    to += static_cast<char>(7 << 5 | (*truth ? kTrue : kFalse));
  } else if (auto* real = value.As<double>()) {
    return AppendDouble(to, *real);
  } else if (auto* text = value.As<std::string>()) {
    return AppendText(to, *text);
  } else if (auto* bytes = value.As<Bytes>()) {
    AppendCborBytes(to, bytes->bytes);
  } else if (auto* cid = value.As<Cid>()) {
    AppendCborCid(to, *cid);
  } else if (auto* map = value.As<Map>()) {
    return AppendMap(to, *map, depth + 1);
  } else if (auto* list = value.As<List>()) {
    AppendCborHead(to, Major::kList, list->size());
    for (const Value& each : *list) TRY(Append(to, each, depth + 1));
  } else {
    to += static_cast<char>(7 << 5 | kNull);
  }
  return Status::Ok();
}

}  // namespace

Value::Value(List list) : held_(std::move(list)) {}
Value::Value(Map map) : held_(std::move(map)) {}

const Value* Value::Find(std::string_view key) const {
  const Map* map = As<Map>();
  if (!map) return nullptr;
  for (const auto& [name, value] : *map) {
    if (name == key) return &value;
  }
  return nullptr;
}

Result<Value> ReadDagCbor(std::string_view bytes, const CborLimits& limits) {
  return Reader(bytes, limits).ReadAll();
}

Result<std::vector<Cid>> LinksOfDagCbor(std::string_view bytes, const CborLimits& limits) {
  std::vector<Cid> links;
  Reader reader(bytes, limits);
  reader.links = &links;
  TRY(reader.ReadAll());
  return links;
}

Result<std::string> WriteDagCbor(const Value& value) {
  std::string bytes;
  TRY(Append(bytes, value, 0));
  return bytes;
}

void AppendCborHead(std::string& to, Major major, uint64_t argument) {
  int width = 0;  // bytes of the argument
  if (argument >= 24) width = 1;
  for (int wider : {2, 4, 8}) {
    if (argument >= uint64_t{1} << (wider * 4)) width = wider;
  }
  int info = width == 0 ? static_cast<int>(argument) : 24 + std::countr_zero(unsigned(width));
  to += static_cast<char>(static_cast<int>(major) << 5 | info);
  while (width-- > 0) to += static_cast<char>(argument >> (width * 8));
}

void AppendCborBytes(std::string& to, std::string_view bytes) {
  AppendCborHead(to, Major::kBytes, bytes.size());
  to += bytes;
}

void AppendCborCid(std::string& to, const Cid& cid) {
  AppendCborHead(to, Major::kTag, kCidTag);
  AppendCborHead(to, Major::kBytes, cid.bytes().size() + 1);
  to += '\0';
  to += cid.bytes();
}

}  // namespace millrace::ipld
