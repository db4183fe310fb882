// rooms: base config
// files: src/data/schema.cc src/data/type_parser.cc src/decode/csv_dialect.cc
// files: src/decode/csv_survey.cc src/decode/format.cc src/decode/memory_file.cc
//
// Any bytes as a CSV file under any rules, as the config of one in YAML, and as a dialect that was
// kept.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/text.h"
#include "decode/csv_dialect.h"
#include "decode/csv_survey.h"
#include "decode/format.h"
#include "tests/fuzz/fuzz.h"

namespace millrace::fuzz {
namespace {

using csv::LineRules;
using csv::Survey;
using csv::Surveyor;

constexpr size_t kRuleBytes = 4;

LineRules RulesOf(std::string_view head) {
  static const std::vector<std::string> kDelimiters = {",", ";", "\t", "||", "abc"};
  LineRules rules;
  rules.delimiter = kDelimiters[static_cast<unsigned char>(head[0]) % kDelimiters.size()];
  rules.quote = head[1] & 1 ? '\'' : '"';
  if (head[1] & 2) rules.quote = 0;
  rules.escape = head[1] & 4 ? '\\' : rules.quote;
  rules.comment = head[2] & 1 ? '#' : 0;
  if (head[2] & 2) rules.line_end = '\r';
  rules.max_line = 20 + static_cast<unsigned char>(head[3]);
  return rules;
}

struct Seen {
  Survey survey;
  std::string copy;
  bool ok = false;
};

Seen Look(const LineRules& rules, std::string_view text, size_t piece) {
  Seen seen;
  auto keep = [&](std::string_view bytes) {
    seen.copy += bytes;
    return Status::Ok();
  };
  Surveyor surveyor(rules, keep, "x");
  for (size_t at = 0; at < text.size(); at += piece) {
    if (!surveyor.Feed(text.substr(at, piece)).ok()) return seen;
  }
  Result<Survey> survey = surveyor.Finish();
  seen.ok = survey.ok();
  if (survey.ok()) seen.survey = *std::move(survey);
  return seen;
}

void CheckSurvey(std::string_view text) {
  if (text.size() < kRuleBytes) return;
  LineRules rules = RulesOf(text);
  text.remove_prefix(kRuleBytes);
  Seen whole = Look(rules, text, text.size() + 1);
  if (!whole.ok) return;
  Must(whole.survey.bytes == static_cast<int64_t>(text.size()), "every byte is counted");
  int64_t last = 0;
  for (const csv::BrokenLine& broken : whole.survey.broken) {
    Must(broken.line > last, "broken lines are told in order, each once");
    last = broken.line;
  }
  Must(last <= whole.survey.lines, "a broken line is one of the lines");
  Seen again = Look(rules, whole.copy, whole.copy.size() + 1);
  bool returns = rules.line_end == '\r';  // the copy has line feeds then
  Must(returns || (again.ok && again.survey.broken.empty()), "the copy has whole lines only");
  for (size_t piece : {size_t{1}, size_t{7}}) {
    Seen pieces = Look(rules, text, piece);
    Must(pieces.ok && pieces.survey.lines == whole.survey.lines, "pieces give the same lines");
    Must(pieces.copy == whole.copy, "pieces give the same copy");
  }
}

void CheckConfig(std::string_view text) {
  Diagnostics diagnostics;
  YamlNode node = ParseYaml(text, "p.yml", diagnostics);
  std::optional<CsvFormat> format = CsvFormatSpec().Parse(node, diagnostics);
  Must(format.has_value() || diagnostics.HasErrors(), "a refused config says why");
  if (!format) return;
  std::string options = csv::ScanOptions({.columns = {{"a'b", "VARCHAR"}}}, *format);
  Must(std::count(options.begin(), options.end(), '\'') % 2 == 0, "no value ends its SQL text");
}

void CheckKept(std::string_view text) {
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return;
  Result<csv::Dialect> dialect = csv::DialectFromJson(json);
  if (!dialect.ok()) return;
  Must(csv::DialectFromJson(csv::ToJson(*dialect)).ok(), "what we keep we read");
}

}  // namespace
}  // namespace millrace::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text = millrace::fuzz::Text(data, size);
  if (text.size() > 5000) return 0;  // every check reads it several times
  millrace::fuzz::CheckSurvey(text);
  millrace::fuzz::CheckConfig(text);
  millrace::fuzz::CheckKept(text);
  return 0;
}
