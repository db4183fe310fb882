#include "decode/encoding.h"

#include <iconv.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "base/text.h"

namespace millrace {

namespace {

constexpr size_t kPiece = size_t{1} << 16;

class Transcoder : public ByteReader {
 public:
  Transcoder(std::unique_ptr<ByteReader> bytes, iconv_t converter, std::string encoding,
             std::string name)
      : bytes_(std::move(bytes)),
        converter_(converter),
        encoding_(std::move(encoding)),
        name_(std::move(name)),
        input_(kPiece) {}
  ~Transcoder() override { iconv_close(converter_); }

  Result<size_t> Read(char* out, size_t size) override {
    char* to = out;
    size_t room = size;
    while (to == out) {
      if (!ended_ && (have_ == 0 || starved_)) TRY(Fill());
      if (have_ == 0) break;
      char* from = input_.data();
      size_t left = have_;
      size_t result = iconv(converter_, &from, &left, &to, &room);
      int error = result == static_cast<size_t>(-1) ? errno : 0;
      done_ += static_cast<int64_t>(have_ - left);
      std::memmove(input_.data(), from, left);
      have_ = left;
      starved_ = error == EINVAL;  // the first bytes of a character
      if (error == EILSEQ || (starved_ && ended_)) {
        return Invalid(name_ + ": byte " + std::to_string(done_) + " is not " + encoding_,
                       "set csv.encoding");
      }
    }
    return static_cast<size_t>(to - out);
  }

 private:
  Status Fill() {
    size_t got = TRY(bytes_->Read(input_.data() + have_, input_.size() - have_));
    ended_ = got == 0;
    have_ += got;
    return Status::Ok();
  }

  std::unique_ptr<ByteReader> bytes_;
  iconv_t converter_;
  std::string encoding_, name_;
  std::vector<char> input_;
  size_t have_ = 0;
  int64_t done_ = 0;  // bytes converted
  bool ended_ = false, starved_ = false;
};

}  // namespace

bool IsUtf8(std::string_view encoding) {
  std::string lower = ToLower(encoding);
  return lower == "utf-8" || lower == "utf8";
}

Result<std::unique_ptr<ByteReader>> Transcode(std::unique_ptr<ByteReader> bytes,
                                              const std::string& encoding, std::string name) {
  std::string lower = ToLower(encoding);
  std::string known = lower == "latin-1" ? "ISO-8859-1" : encoding;
  iconv_t converter = iconv_open("UTF-8", known.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) {
    return Invalid("unknown encoding '" + encoding + "'",
                   "utf-8, latin-1, cp1252, utf-16 and others; see `iconv -l`");
  }
  return std::unique_ptr<ByteReader>(
      new Transcoder(std::move(bytes), converter, encoding, std::move(name)));
}

}  // namespace millrace
