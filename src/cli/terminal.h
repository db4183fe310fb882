// Where the program writes: stdout for what was asked for, stderr for what is wrong.
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace millrace {

enum class Style { kPlain, kBold, kDim, kRed, kGreen, kYellow, kBlue };

class Terminal {
 public:
  // Color "auto": on a terminal, unless NO_COLOR is set or TERM is "dumb".
  explicit Terminal(std::string_view color = "auto");

  // stdout is a terminal that can be repainted.
  bool interactive() const { return interactive_; }
  // Columns of the terminal; 0 when stdout is none.
  int width() const;

  void Print(std::string_view text);
  void PrintError(std::string_view text);
  // Colored where the stream is; escapes never reach a file.
  std::string Paint(Style style, std::string_view text) const;
  std::string PaintError(Style style, std::string_view text) const;

  // The first failure to write to stdout, a closed pipe excepted.
  const Status& written() const { return written_; }

 private:
  bool interactive_ = false, color_ = false, error_color_ = false;
  Status written_;
};

// Columns that a text takes on a terminal (UTF-8; wide characters take two). ESC[…m sequences take
// none.
int DisplayWidth(std::string_view text);
// Cut to `width` columns, the last of them '…', when it is longer.
std::string FitWidth(std::string_view text, int width);
// Control characters made visible: what a data value prints cannot move the cursor.
std::string Printable(std::string_view text);

}  // namespace millrace
