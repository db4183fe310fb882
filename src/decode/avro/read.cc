// Runs a plan over the bytes of a record.
#include <algorithm>
#include <cstring>

#include "base/text.h"
#include "base/utf8.h"
#include "data/value_text.h"
#include "decode/avro/plan.h"

namespace millrace::avro {

namespace {

using Code = Step::Code;

constexpr int64_t kMostEmpty = 1'000'000;  // elements without bytes in one record
constexpr int kDeepest = 256;              // of records that hold themselves
constexpr int64_t kMicrosADay = 86'400'000'000;
constexpr size_t kMostDecimal = 16;  // bytes

// Bounded by the record: nothing is read behind it, and no more elements than it has bytes for.
class Reader {
 public:
  Reader(const std::vector<Step>& steps, std::string_view record)
      : steps_(steps), at_(record.data()), end_(record.data() + record.size()) {}

  bool Run(int step);
  size_t left() const { return static_cast<size_t>(end_ - at_); }
  Status Rejection() const {
    return {millrace::Code::kRejected, path_.empty() ? what_ : path_ + ": " + what_};
  }

 private:
  bool Wrong(std::string what) {
    what_ = std::move(what);
    return false;
  }
  bool Cut() { return Wrong("its bytes end too early"); }

  [[gnu::always_inline]] bool Varint(int64_t& out) {
    if (left() < 2) return LongVarint(out);
    auto first = static_cast<unsigned char>(at_[0]), second = static_cast<unsigned char>(at_[1]);
    if (first < 0x80) {
      out = first >> 1 ^ -(first & 1);
      at_ += 1;
      return true;
    }
    if (second >= 0x80) return LongVarint(out);
    int value = (first & 0x7f) | second << 7;
    out = value >> 1 ^ -(value & 1);
    at_ += 2;
    return true;
  }
  bool LongVarint(int64_t& out) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return Cut();
      auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) {
        out = static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
        return true;
      }
    }
    return Wrong("a number is too long");
  }
  [[gnu::always_inline]] bool Take(size_t size, std::string_view& out) {
    if (size > left()) return Cut();
    out = {at_, size};
    at_ += size;
    return true;
  }
  [[gnu::always_inline]] bool TakeBytes(std::string_view& out) {
    int64_t size = 0;
    if (!Varint(size)) return false;
    if (size < 0) return Wrong("a length is negative");
    return Take(static_cast<size_t>(size), out);
  }
  [[gnu::always_inline]] bool TakeText(std::string_view& out) {
    if (!TakeBytes(out)) return false;
    return IsAscii(out) || IsUtf8Text(out) || Wrong("text is not UTF-8");
  }
  template <class T>
  bool TakeRaw(T& out) {
    std::string_view bytes;
    if (!Take(sizeof out, bytes)) return false;
    std::memcpy(&out, bytes.data(), sizeof out);
    return true;
  }
  // How many elements a block has; 0 ends them. `size` is that of a block in bytes, or -1.
  bool TakeBlock(const Step& element, int64_t& count, int64_t& size) {
    size = -1;
    if (!Varint(count)) return false;
    if (count < 0) {
      if (count == INT64_MIN) return Wrong("a list has too many elements");
      count = -count;
      if (!Varint(size)) return false;
      if (size < 0 || size > static_cast<int64_t>(left())) return Wrong("a block has a wrong size");
    }
    int64_t most =
        element.least > 0 ? static_cast<int64_t>(left()) / element.least : kMostEmpty - empty_;
    if (count > most) return Wrong("a list has more elements than bytes");
    if (element.least == 0) empty_ += count;
    return true;
  }

  [[gnu::always_inline]] bool RunStep(const Step& step);
  bool RunOther(const Step& step);
  bool RunScalar(const Step& step);
  bool RunSkip(const Step& step);
  bool SkipElements(const Step& step);
  bool RunFields(const Step& step);
  bool RunArray(const Step& step);
  bool RunMap(const Step& step);
  bool RunUnion(const Step& step);
  bool RunMember(const Step& step);
  bool RunDefault(const Step& step);
  bool Decimal(const Step& step);
  bool Time(const Step& step);
  bool Uuid(const Step& step);
  bool Duration(const Step& step);
  const Step& At(int step) const { return steps_[static_cast<size_t>(step)]; }

  const std::vector<Step>& steps_;
  const char* at_;
  const char* end_;
  int64_t empty_ = 0;
  int depth_ = 0;
  std::string what_, path_;
};

bool Reader::Run(int index) { return RunStep(At(index)); }

// What most fields are stands in the loop over them.
inline bool Reader::RunStep(const Step& step) {
  int64_t number = 0;
  double real = 0;
  std::string_view bytes;
  switch (step.code) {
    case Code::kText:
      if (!TakeText(bytes)) return false;
      step.out->AppendBytes(bytes);
      return true;
    case Code::kLong:
      if (!Varint(number)) return false;
      step.out->AppendInt(number);
      return true;
    case Code::kInt:
      if (!Varint(number)) return false;
      if (number != static_cast<int32_t>(number)) return Wrong("an int is too large");
      step.out->AppendInt(number);
      return true;
    case Code::kBoolean:
      if (!Take(1, bytes)) return false;
      if (static_cast<unsigned char>(bytes[0]) > 1) return Wrong("a boolean is neither 0 nor 1");
      step.out->AppendBool(bytes[0] != 0);
      return true;
    case Code::kDouble:
      if (!TakeRaw(real)) return false;
      step.out->AppendDouble(real);
      return true;
    default: return RunOther(step);
  }
}

bool Reader::RunOther(const Step& step) {
  switch (step.code) {
    case Code::kNull: step.out->AppendNull(); return true;
    case Code::kUnion: return RunUnion(step);
    case Code::kRecord:
      if (!RunFields(step)) return false;
      if (step.out) step.out->EndStruct();
      return true;
    case Code::kArray: return RunArray(step);
    case Code::kMap: return RunMap(step);
    case Code::kMember: return RunMember(step);
    case Code::kDefault: return RunDefault(step);
    case Code::kFail: return Wrong(step.text);
    case Code::kSkipNothing:
    case Code::kSkipVarint:
    case Code::kSkipFixed:
    case Code::kSkipBytes:
    case Code::kSkipRecord:
    case Code::kSkipArray:
    case Code::kSkipMap:
    case Code::kSkipUnion: {
      if (++depth_ > kDeepest) return Wrong("records are nested too deeply");
      bool ok = RunSkip(step);
      --depth_;
      return ok;
    }
    default: return RunScalar(step);
  }
}

bool Reader::RunScalar(const Step& step) {
  std::string_view bytes;
  int64_t number = 0;
  switch (step.code) {
    case Code::kFloat:
    case Code::kFloatToDouble: {
      float value = 0;
      if (!TakeRaw(value)) return false;
      step.code == Code::kFloat ? step.out->AppendFloat(value) : step.out->AppendDouble(value);
      return true;
    }
    case Code::kIntToReal:
      if (!Varint(number)) return false;
      step.out->type().kind == TypeKind::kFloat
          ? step.out->AppendFloat(static_cast<float>(number))
          : step.out->AppendDouble(static_cast<double>(number));
      return true;
    case Code::kBytes:
    case Code::kFixed: {
      bool ok = step.code == Code::kBytes ? TakeBytes(bytes)
                                          : Take(static_cast<size_t>(step.number), bytes);
      if (ok) step.out->AppendBytes(bytes);
      return ok;
    }
    case Code::kEnum:
      if (!Varint(number)) return false;
      if (number < 0 || number >= static_cast<int64_t>(step.names.size()))
        return Wrong("an enum has no symbol " + std::to_string(number));
      if (!step.steps[static_cast<size_t>(number)])
        return Wrong("the symbol " + step.names[static_cast<size_t>(number)] + " is unknown");
      step.out->AppendBytes(step.names[static_cast<size_t>(number)]);
      return true;
    case Code::kDecimal: return Decimal(step);
    case Code::kTime:
    case Code::kTimeOfDay: return Time(step);
    case Code::kUuid: return Uuid(step);
    default: return Duration(step);
  }
}

bool Reader::RunFields(const Step& step) {
  for (size_t i = 0; i < step.steps.size(); ++i) {
    if (RunStep(At(step.steps[i]))) continue;
    path_ = step.names[i] + (path_.empty() || path_[0] == '[' ? "" : ".") + path_;
    return false;
  }
  return true;
}

bool Reader::RunArray(const Step& step) {
  const Step& element = At(step.steps[0]);
  int64_t index = 0;
  for (;;) {
    int64_t count = 0, size = 0;
    if (!TakeBlock(element, count, size)) return false;
    if (count == 0) break;
    for (; count > 0; --count, ++index) {
      if (Run(step.steps[0])) continue;
      path_ = "[" + std::to_string(index) + "]" + (path_.empty() ? "" : ".") + path_;
      return false;
    }
  }
  step.out->EndList();
  return true;
}

bool Reader::RunMap(const Step& step) {
  // A key takes a byte at least.
  static const Step kAnyElement{.least = 1};
  ColumnBuilder& keys = step.out->child(0);
  int64_t begin = keys.length();
  for (;;) {
    int64_t count = 0, size = 0;
    if (!TakeBlock(kAnyElement, count, size)) return false;
    if (count == 0) break;
    for (; count > 0; --count) {
      std::string_view key;
      if (!TakeText(key)) return false;
      keys.AppendBytes(key);
      if (Run(step.steps[0])) continue;
      path_ = "[" + CutText(std::string(key), 100) + "]" + (path_.empty() ? "" : ".") + path_;
      return false;
    }
  }
  if (keys.HasTwice(begin)) return Wrong("a map has a key twice");
  step.out->EndList();
  return true;
}

bool Reader::RunUnion(const Step& step) {
  int64_t branch = 0;
  if (!Varint(branch)) return false;
  if (branch < 0 || branch >= static_cast<int64_t>(step.steps.size()))
    return Wrong("a union has no branch " + std::to_string(branch));
  return Run(step.steps[static_cast<size_t>(branch)]);
}

bool Reader::RunMember(const Step& step) {
  if (!Run(step.steps[0])) return false;
  for (size_t i = 0; i < step.out->type().children.size(); ++i) {
    if (static_cast<int64_t>(i) != step.number) step.out->child(i).AppendNull();
  }
  step.out->EndStruct();
  return true;
}

bool Reader::RunDefault(const Step& step) {
  const char* at = at_;
  const char* end = end_;
  at_ = step.text.data();
  end_ = at_ + step.text.size();
  bool ok = Run(step.steps[0]);
  at_ = at;
  end_ = end;
  return ok;
}

// Big-endian two's complement.
bool Reader::Decimal(const Step& step) {
  std::string_view bytes;
  bool taken = step.number < 0 ? TakeBytes(bytes) : Take(static_cast<size_t>(step.number), bytes);
  if (!taken) return false;
  bool negative = !bytes.empty() && static_cast<signed char>(bytes[0]) < 0;
  char sign = negative ? '\xff' : '\0';
  while (bytes.size() > kMostDecimal && bytes[0] == sign) bytes.remove_prefix(1);
  bool fits = bytes.size() <= kMostDecimal;
  unsigned __int128 value = negative ? ~static_cast<unsigned __int128>(0) : 0;
  for (char c : bytes) value = (value << 8) | static_cast<unsigned char>(c);
  auto number = static_cast<__int128>(value);
  if (!fits || (number < 0) != negative || !FitsPrecision(number, step.out->type().precision))
    return Wrong("a decimal has more digits than its schema says");
  step.out->AppendDecimal(number);
  return true;
}

bool Reader::Time(const Step& step) {
  int64_t value = 0, micros = 0;
  if (!Varint(value)) return false;
  if (__builtin_mul_overflow(value, step.number, &micros)) return Wrong("a time is out of range");
  if (step.divide > 1) micros = micros / step.divide - (micros % step.divide < 0);
  if (step.code == Code::kTime) {
    step.out->AppendInt(micros);
    return true;
  }
  if (micros < 0 || micros >= kMicrosADay) return Wrong("a time of day is out of range");
  std::string text;
  AppendTimeOfDay(text, micros);
  step.out->AppendBytes(text);
  return true;
}

bool Reader::Uuid(const Step& step) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string_view bytes;
  if (!Take(static_cast<size_t>(step.number), bytes)) return false;
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    auto byte = static_cast<unsigned char>(bytes[i]);
    (text += kHex[byte >> 4]) += kHex[byte & 15];
  }
  step.out->AppendBytes(text);
  return true;
}

bool Reader::Duration(const Step& step) {
  for (size_t i = 0; i < 3; ++i) {
    uint32_t part = 0;
    if (!TakeRaw(part)) return false;
    step.out->child(i).AppendInt(part);
  }
  step.out->EndStruct();
  return true;
}

bool Reader::RunSkip(const Step& step) {
  int64_t number = 0;
  std::string_view bytes;
  switch (step.code) {
    case Code::kSkipNothing: return true;
    case Code::kSkipVarint: return Varint(number);
    case Code::kSkipFixed: return Take(static_cast<size_t>(step.number), bytes);
    case Code::kSkipBytes: return TakeBytes(bytes);
    case Code::kSkipRecord:
      return std::ranges::all_of(step.steps, [this](int field) { return Run(field); });
    case Code::kSkipUnion: return RunUnion(step);
    default: return SkipElements(step);
  }
}

bool Reader::SkipElements(const Step& step) {
  static const Step kAnyElement{.least = 1};
  bool is_map = step.code == Code::kSkipMap;
  for (;;) {
    int64_t count = 0, size = 0;
    if (!TakeBlock(is_map ? kAnyElement : At(step.steps[0]), count, size)) return false;
    if (count == 0) return true;
    std::string_view bytes;
    if (size >= 0) {
      if (!Take(static_cast<size_t>(size), bytes)) return false;
      continue;
    }
    for (; count > 0; --count) {
      if (is_map && !TakeBytes(bytes)) return false;
      if (!Run(step.steps[0])) return false;
    }
  }
}

}  // namespace

Status Plan::Read(std::string_view record) const {
  Reader reader(steps_, record);
  if (!reader.Run(root_)) return reader.Rejection();
  if (reader.left() == 0) return Status::Ok();
  return {millrace::Code::kRejected,
          "it has " + std::to_string(reader.left()) + " bytes more than its schema says"};
}

}  // namespace millrace::avro
