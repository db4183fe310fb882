#include <cstdlib>
#include <map>

#include "base/text.h"
#include "data/schema.h"

namespace millrace {
namespace {

// SQL's names for types without parameters.
const std::map<std::string, TypeKind, std::less<>>& SimpleTypes() {
  static const std::map<std::string, TypeKind, std::less<>> types = {
      {"boolean", TypeKind::kBoolean},
      {"bool", TypeKind::kBoolean},
      {"logical", TypeKind::kBoolean},
      {"tinyint", TypeKind::kTinyInt},
      {"int1", TypeKind::kTinyInt},
      {"byte", TypeKind::kTinyInt},
      {"smallint", TypeKind::kSmallInt},
      {"int2", TypeKind::kSmallInt},
      {"short", TypeKind::kSmallInt},
      {"integer", TypeKind::kInteger},
      {"int", TypeKind::kInteger},
      {"int4", TypeKind::kInteger},
      {"bigint", TypeKind::kBigInt},
      {"int8", TypeKind::kBigInt},
      {"long", TypeKind::kBigInt},
      {"float", TypeKind::kFloat},
      {"float4", TypeKind::kFloat},
      {"real", TypeKind::kFloat},
      {"double", TypeKind::kDouble},
      {"float8", TypeKind::kDouble},
      {"double precision", TypeKind::kDouble},
      {"varchar", TypeKind::kVarchar},
      {"text", TypeKind::kVarchar},
      {"string", TypeKind::kVarchar},
      {"char", TypeKind::kVarchar},
      {"blob", TypeKind::kBlob},
      {"bytea", TypeKind::kBlob},
      {"binary", TypeKind::kBlob},
      {"varbinary", TypeKind::kBlob},
      {"date", TypeKind::kDate},
      {"timestamp", TypeKind::kTimestamp},
      {"datetime", TypeKind::kTimestamp},
      {"timestamp without time zone", TypeKind::kTimestamp},
      {"timestamptz", TypeKind::kTimestampTz},
      {"timestamp with time zone", TypeKind::kTimestampTz},
  };
  return types;
}

// Recursive descent over "STRUCT(a INTEGER, b VARCHAR[])[]".
class TypeParser {
 public:
  explicit TypeParser(std::string_view text) : text_(text) {}

  Result<Type> ParseAll() {
    Type type = TRY(Parse(0));
    SkipBlanks();
    if (at_ != text_.size()) return Wrong();
    return type;
  }

 private:
  static constexpr int kDeepest = 64;

  Status Wrong() const { return Invalid("'" + std::string(text_) + "' is not a column type"); }

  void SkipBlanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  bool Take(char c) {
    SkipBlanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // Letters, digits, _ and, between words, blanks: "timestamp with time zone".
  std::string TakeWords() {
    SkipBlanks();
    size_t end = text_.find_first_of("()[],\"", at_);
    if (end == std::string_view::npos) end = text_.size();
    std::string words;
    for (const std::string& word : Split(text_.substr(at_, end - at_), ' ')) {
      if (!word.empty()) words += (words.empty() ? "" : " ") + ToLower(word);
    }
    at_ = end;
    return words;
  }

  Result<std::string> TakeName() {
    SkipBlanks();
    std::string name;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size(); ++at_) {
        if (text_[at_] == '"' && text_.substr(at_ + 1, 1) != "\"") {
          ++at_;
          return name;
        }
        if (text_[at_] == '"') ++at_;
        name += text_[at_];
      }
      return Wrong();
    }
    size_t end = text_.find_first_of(" ,()[]", at_);
    if (end == std::string_view::npos || end == at_) return Wrong();
    name = text_.substr(at_, end - at_);
    at_ = end;
    return name;
  }

  Result<int> TakeNumber() {
    SkipBlanks();
    size_t end = at_;
    while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
    if (end == at_ || end - at_ > 4) return Wrong();
    int number = atoi(std::string(text_.substr(at_, end - at_)).c_str());
    at_ = end;
    return number;
  }

  Result<Type> Parse(int depth) {
    if (depth > kDeepest) return Wrong();
    Type type = TRY(ParseElement(depth));
    while (Take('[')) {
      if (!Take(']')) return Wrong();
      Type list{.kind = TypeKind::kList};
      list.children.push_back({"element", std::move(type)});
      type = std::move(list);
    }
    return type;
  }

  Result<Type> ParseElement(int depth) {
    std::string words = TakeWords();
    if (words == "decimal" || words == "numeric" || words == "dec") return ParseDecimal();
    if (words == "struct" || words == "row") return ParseStruct(depth);
    if (words == "map") return ParseMap(depth);
    auto simple = SimpleTypes().find(words);
    if (simple == SimpleTypes().end()) return Wrong();
    if (simple->second == TypeKind::kVarchar && Take('(')) {  // a length says nothing here
      TRY(TakeNumber());
      if (!Take(')')) return Wrong();
    }
    return Type{.kind = simple->second};
  }

  Result<Type> ParseDecimal() {
    Type type{.kind = TypeKind::kDecimal, .precision = 18, .scale = 3};
    if (!Take('(')) return type;
    type.precision = TRY(TakeNumber());
    type.scale = Take(',') ? TRY(TakeNumber()) : 0;
    bool fits = type.precision >= 1 && type.precision <= 38 && type.scale <= type.precision;
    if (!Take(')') || !fits) return Wrong();
    return type;
  }

  Result<Type> ParseStruct(int depth) {
    if (!Take('(')) return Wrong();
    Type type{.kind = TypeKind::kStruct};
    do {
      std::string name = TRY(TakeName());
      type.children.push_back({std::move(name), TRY(Parse(depth + 1))});
    } while (Take(','));
    if (!Take(')')) return Wrong();
    return type;
  }

  Result<Type> ParseMap(int depth) {
    if (!Take('(')) return Wrong();
    Type type{.kind = TypeKind::kMap};
    type.children.push_back({"key", TRY(Parse(depth + 1))});
    if (!Take(',')) return Wrong();
    type.children.push_back({"value", TRY(Parse(depth + 1))});
    if (!Take(')')) return Wrong();
    return type;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<Type> ParseType(std::string_view text) { return TypeParser(Trim(text)).ParseAll(); }

}  // namespace millrace
