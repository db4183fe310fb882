#include "connect/file/growth.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "base/hash.h"
#include "base/text.h"
#include "decode/inflate.h"

namespace millrace::file {

namespace {

constexpr size_t kPiece = size_t{1} << 20;  // bytes a read

// Fills `out` unless the stream ends. How much it got.
Result<size_t> ReadFull(ByteReader& reader, char* out, size_t size) {
  size_t have = 0;
  while (have < size) {
    size_t got = TRY(reader.Read(out + have, size - have));
    if (got == 0) break;
    have += got;
  }
  return have;
}

// `taken` bytes were taken, the last of them `last`; `rest` stands behind them.
Result<std::optional<int64_t>> UpToLineEnd(int64_t taken, char last, ByteReader& rest) {
  char next[2];
  size_t have = TRY(ReadFull(rest, next, sizeof next));
  if (have == 0) return std::optional<int64_t>();  // it did not grow
  if (last == '\n') return std::optional<int64_t>(taken);
  // The last row had no line end yet.
  if (next[0] == '\n') return std::optional<int64_t>(taken + 1);
  if (next[0] == '\r' && have == 2 && next[1] == '\n') return std::optional<int64_t>(taken + 2);
  return std::optional<int64_t>();
}

}  // namespace

bool CanGrow(const std::string& path, const FormatConfig& format) {
  Result<FormatKind> kind = FormatOf(path, format.format);
  if (!kind.ok()) return false;
  bool lines =
      *kind == FormatKind::kCsv || *kind == FormatKind::kNdjson || *kind == FormatKind::kText;
  // A line end is one byte only where characters are.
  std::string encoding = ToLower(format.csv.encoding);
  bool wide = encoding.starts_with("utf-16") || encoding.starts_with("utf16") ||
              encoding.starts_with("ucs") || encoding.starts_with("utf-32") ||
              encoding.starts_with("utf32");
  return lines && !(*kind == FormatKind::kCsv && wide);
}

Result<std::optional<int64_t>> GrownBehind(const std::string& path, const TakenFile& taken,
                                           std::stop_token stop) {
  std::unique_ptr<ByteReader> reader = TRY(OpenBytes(path, Compression::kNone));
  Sha256 hash;
  std::vector<char> piece(kPiece);
  char last = '\n';
  for (int64_t left = taken.size; left > 0;) {
    if (stop.stop_requested()) return Canceled();
    size_t got =
        TRY(reader->Read(piece.data(), static_cast<size_t>(std::min<int64_t>(left, kPiece))));
    if (got == 0) return std::optional<int64_t>();  // shorter than it was
    hash.Update({piece.data(), got});
    last = piece[got - 1];
    left -= static_cast<int64_t>(got);
  }
  if (hash.Hex() != taken.sha256) return std::optional<int64_t>();
  return UpToLineEnd(taken.size, last, *reader);
}

Result<std::optional<int64_t>> GrownBehind(const std::string& path, const std::string& earlier,
                                           Compression compression, std::stop_token stop) {
  std::unique_ptr<ByteReader> before = TRY(OpenBytes(earlier, compression));
  std::unique_ptr<ByteReader> now = TRY(OpenBytes(path, compression));
  std::vector<char> old_piece(kPiece), piece(kPiece);
  int64_t taken = 0;
  char last = '\n';
  while (true) {
    if (stop.stop_requested()) return Canceled();
    size_t wanted = TRY(ReadFull(*before, old_piece.data(), kPiece));
    if (wanted == 0) break;
    size_t got = TRY(ReadFull(*now, piece.data(), wanted));
    if (got != wanted || std::memcmp(old_piece.data(), piece.data(), got) != 0) {
      return std::optional<int64_t>();
    }
    taken += static_cast<int64_t>(got);
    last = piece[got - 1];
  }
  return UpToLineEnd(taken, last, *now);
}

}  // namespace millrace::file
