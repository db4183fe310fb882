#include "config/diagnostics.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/text.h"

namespace millrace {

namespace {

auto Key(const Diagnostic& each) {
  return std::tie(each.place.file, each.place.line, each.place.column);
}
auto Whole(const Diagnostic& each) {
  return std::tie(each.severity, each.place.file, each.place.line, each.place.column, each.message,
                  each.hint);
}

// What a message quotes may have line breaks in it, and no end.
std::string OneLine(std::string text) {
  constexpr size_t kLongest = 2000;
  text = CutText(std::move(text), kLongest);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = ' ';
  }
  return text;
}

}  // namespace

void Diagnostics::Add(Diagnostic diagnostic) {
  diagnostic.message = OneLine(std::move(diagnostic.message));
  diagnostic.hint = OneLine(std::move(diagnostic.hint));
  all_.push_back(std::move(diagnostic));
}

void Diagnostics::Error(Place place, std::string message, std::string hint) {
  Add({Severity::kError, std::move(place), std::move(message), std::move(hint)});
}

void Diagnostics::Warn(Place place, std::string message, std::string hint) {
  Add({Severity::kWarning, std::move(place), std::move(message), std::move(hint)});
}

bool Diagnostics::HasErrors() const { return ErrorCount() > 0; }

size_t Diagnostics::ErrorCount() const {
  return size_t(std::count_if(all_.begin(), all_.end(), [](const Diagnostic& each) {
    return each.severity == Severity::kError;
  }));
}

std::vector<Diagnostic> Diagnostics::Sorted() const {
  std::vector<Diagnostic> sorted;
  std::set<decltype(Whole(all_.front()))> told;
  for (const Diagnostic& each : all_) {
    if (told.insert(Whole(each)).second) sorted.push_back(each);
  }
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Diagnostic& a, const Diagnostic& b) { return Key(a) < Key(b); });
  return sorted;
}

std::string Diagnostics::ToString() const {
  std::string text;
  for (const Diagnostic& each : Sorted()) text += FormatDiagnostic(each) + "\n";
  return text;
}

Status Diagnostics::ToStatus() const {
  std::string errors;
  for (const Diagnostic& each : Sorted()) {
    if (each.severity != Severity::kError) continue;
    if (!errors.empty()) errors += "\n";
    errors += FormatDiagnostic(each);
  }
  return errors.empty() ? Status::Ok() : Invalid(errors);
}

std::string FormatDiagnostic(const Diagnostic& diagnostic) {
  const Place& place = diagnostic.place;
  std::string text = place.file;
  if (place.line > 0) {
    text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  }
  if (!text.empty()) text += ": ";
  if (diagnostic.severity == Severity::kWarning) text += "warning: ";
  text += diagnostic.message;
  if (!diagnostic.hint.empty()) text += "; " + diagnostic.hint;
  return text;
}

}  // namespace millrace
