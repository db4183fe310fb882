#include "proof/digest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/descriptor.h"
#include "base/hash.h"
#include "base/time.h"
#include "net/ipld/dag_builder.h"

namespace millrace::proof {

namespace {

class NoBlocks : public ipld::BlockSink {
 public:
  Status Put(const ipld::Cid&, std::string_view) override { return Status::Ok(); }
};

// Fills the buffer, unless the file ends before.
Result<size_t> ReadChunk(int file, std::string& buffer, const std::string& path) {
  size_t count = 0;
  while (count < buffer.size()) {
    ssize_t got = ::read(file, buffer.data() + count, buffer.size() - count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FromErrno("cannot read " + path, errno);
    if (got == 0) break;
    count += static_cast<size_t>(got);
  }
  return count;
}

}  // namespace

Result<FileProof> DigestFile(const std::string& path, int64_t at_most, std::stop_token stop) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return FromErrno("cannot read " + path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return FromErrno("cannot read " + path, errno);
  if (!S_ISREG(info.st_mode)) return Invalid(path + " is no regular file");
  FileProof proof{.size = info.st_size};
  const Status longer(Code::kRejected, path + " has " + FormatCount(info.st_size) + " bytes");
  if (info.st_size > at_most) return longer;

  NoBlocks nowhere;
  ipld::FileBuilder builder(nowhere);
  Sha256 hash;
  std::string buffer(ipld::kChunkSize, '\0');
  proof.size = 0;
  for (;;) {
    if (stop.stop_requested()) return Canceled();
    std::string_view chunk(buffer.data(), TRY(ReadChunk(file.get(), buffer, path)));
    if (chunk.empty() && proof.size > 0) break;
    proof.size += static_cast<int64_t>(chunk.size());
    if (proof.size > at_most) return longer;
    hash.Update(chunk);
    TRY(builder.Add(ipld::DigestOf(chunk), chunk.size()));
    if (chunk.size() < buffer.size()) break;
  }
  proof.sha256 = hash.Hex();
  proof.cid = TRY(builder.Finish()).cid.Text();
  return proof;
}

}  // namespace millrace::proof
