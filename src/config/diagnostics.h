// Everything that is wrong with a file, collected, so that it can all be told at once.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "config/yaml.h"

namespace millrace {

enum class Severity { kWarning, kError };

struct Diagnostic {
  Severity severity = Severity::kError;
  Place place;
  std::string message;  // one sentence, no full stop: "unknown field 'tabel' in sink 'postgres'"
  std::string hint;     // the next step: "did you mean 'table'?"; may be empty
};

class Diagnostics {
 public:
  void Error(Place place, std::string message, std::string hint = "");
  void Warn(Place place, std::string message, std::string hint = "");
  void Add(Diagnostic diagnostic);

  bool HasErrors() const;
  size_t ErrorCount() const;
  const std::vector<Diagnostic>& all() const { return all_; }
  // Sorted by file, line, column; exact repeats dropped. One line each:
  // "orders.yml:14:9: unknown field 'tabel' in sink 'postgres'; did you mean 'table'?"
  // Warnings read "orders.yml:14:9: warning: …".
  std::vector<Diagnostic> Sorted() const;
  std::string ToString() const;
  // kInvalid with all errors, or ok.
  Status ToStatus() const;

 private:
  std::vector<Diagnostic> all_;
};

std::string FormatDiagnostic(const Diagnostic& diagnostic);

}  // namespace millrace
