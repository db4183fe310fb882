// Bytes of a file as they were before compression: a pull reader.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/status.h"
#include "config/spec.h"

namespace millrace {

enum class Compression { kAuto, kNone, kGzip, kZstd };  // auto: by the first bytes

template <>
struct EnumNames<Compression> {
  static constexpr std::pair<std::string_view, Compression> kAll[] = {{"auto", Compression::kAuto},
                                                                      {"none", Compression::kNone},
                                                                      {"gzip", Compression::kGzip},
                                                                      {"zstd", Compression::kZstd}};
};

class ByteReader {
 public:
  virtual ~ByteReader() = default;
  // Up to `size` bytes; 0 only at the end. A stream that ends too early or is damaged is kInvalid,
  // never an end.
  virtual Result<size_t> Read(char* out, size_t size) = 0;
};

// gzip may have several members (as `cat a.gz b.gz` makes), zstd several frames. kNotFound when
// there is no file.
Result<std::unique_ptr<ByteReader>> OpenBytes(const std::string& path,
                                              Compression compression = Compression::kAuto);

// What kAuto stands for in this file.
Result<Compression> DetectCompression(const std::string& path);

// Reads to the end: how many bytes there are. kInvalid for a truncated or damaged file.
Result<int64_t> DecodedLength(const std::string& path,
                              Compression compression = Compression::kAuto);

}  // namespace millrace
