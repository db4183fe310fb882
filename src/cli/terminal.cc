#include "cli/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdint>

namespace millrace {

namespace {

bool WantsColor(std::string_view choice, int fd) {
  if (choice == "always") return true;
  if (choice == "never" || !isatty(fd)) return false;
  const char* no_color = getenv("NO_COLOR");
  const char* term = getenv("TERM");
  return (!no_color || !*no_color) && (!term || strcmp(term, "dumb") != 0);
}

int WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t count = write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    text.remove_prefix(static_cast<size_t>(count));
  }
  return 0;
}

std::string_view Escape(Style style) {
  switch (style) {
    case Style::kPlain: return "";
    case Style::kBold: return "\033[1m";
    case Style::kDim: return "\033[2m";
    case Style::kRed: return "\033[31m";
    case Style::kGreen: return "\033[32m";
    case Style::kYellow: return "\033[33m";
    case Style::kBlue: return "\033[36m";
  }
  return "";
}

std::string Painted(bool color, Style style, std::string_view text) {
  if (!color || style == Style::kPlain || text.empty()) return std::string(text);
  return std::string(Escape(style)) + std::string(text) + "\033[0m";
}

// The code point at `at`, which is moved behind it. A byte that is not UTF-8 counts as itself.
uint32_t NextCodePoint(std::string_view text, size_t& at) {
  auto byte = [&](size_t index) { return static_cast<unsigned char>(text[index]); };
  unsigned char lead = byte(at);
  size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  if (at + length > text.size()) length = 1;
  uint32_t point = length == 1 ? lead : lead & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (byte(at + i) & 0x3F);
  at += length;
  return point;
}

int PointWidth(uint32_t point) {
  bool combining = (point >= 0x300 && point <= 0x36F) || point == 0x200B || point == 0x200D ||
                   (point >= 0xFE00 && point <= 0xFE0F);
  bool wide = (point >= 0x1100 && point <= 0x115F) || (point >= 0x2E80 && point <= 0xA4CF) ||
              (point >= 0xAC00 && point <= 0xD7A3) || (point >= 0xF900 && point <= 0xFAFF) ||
              (point >= 0xFE30 && point <= 0xFE6F) || (point >= 0xFF00 && point <= 0xFF60) ||
              (point >= 0x1F300 && point <= 0x1F64F) || (point >= 0x1F900 && point <= 0x1F9FF);
  return combining ? 0 : wide ? 2 : 1;
}

// Behind the escape sequence that begins at `at`.
size_t SkipEscape(std::string_view text, size_t at) {
  size_t end = text.find('m', at);
  return end == std::string_view::npos ? text.size() : end + 1;
}

}  // namespace

Terminal::Terminal(std::string_view color)
    : color_(WantsColor(color, STDOUT_FILENO)), error_color_(WantsColor(color, STDERR_FILENO)) {
  const char* term = getenv("TERM");
  interactive_ = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

int Terminal::width() const {
  winsize size = {};
  if (!isatty(STDOUT_FILENO)) return 0;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

void Terminal::Print(std::string_view text) {
  int error = WriteAll(STDOUT_FILENO, text);
  if (error != 0 && error != EPIPE && written_.ok())
    written_ = FromErrno("cannot write to stdout", error);
}

void Terminal::PrintError(std::string_view text) {
  // Where stderr is gone there is nobody to tell.
  WriteAll(STDERR_FILENO, text);
}

std::string Terminal::Paint(Style style, std::string_view text) const {
  return Painted(color_, style, text);
}

std::string Terminal::PaintError(Style style, std::string_view text) const {
  return Painted(error_color_, style, text);
}

int DisplayWidth(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '\033') {
      at = SkipEscape(text, at);
    } else {
      width += PointWidth(NextCodePoint(text, at));
    }
  }
  return width;
}

std::string FitWidth(std::string_view text, int width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  std::string fitted;
  bool escaped = false;
  int used = 0;
  for (size_t at = 0; at < text.size();) {
    size_t begin = at;
    if (text[at] == '\033') {
      at = SkipEscape(text, at);
      escaped = true;
    } else {
      used += PointWidth(NextCodePoint(text, at));
      if (used > width - 1) break;
    }
    fitted += text.substr(begin, at - begin);
  }
  return fitted + "…" + (escaped ? "\033[0m" : "");
}

std::string Printable(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string printable;
  for (unsigned char byte : text) {
    if (byte == '\n')
      printable += "\\n";
    else if (byte == '\t')
      printable += "\\t";
    else if (byte == '\r')
      printable += "\\r";
    else if (byte < 0x20 || byte == 0x7F)
      printable += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
    else
      printable += static_cast<char>(byte);
  }
  return printable;
}

}  // namespace millrace
