// Files → shards in a folder that becomes an upload: the tree of their names, packed.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "base/scratch_folder.h"
#include "base/status.h"
#include "connect/content/upload_config.h"
#include "connect/source.h"
#include "net/ipld/car_writer.h"

namespace millrace::content {

// The names that files get below the root: their paths below the deepest folder that holds all of
// them. kInvalid: two of one name.
Result<std::vector<std::string>> NamesBelowRoot(const std::vector<std::string>& paths);

struct PackedContent {
  ipld::Shards content;  // files of path()
  int64_t files = 0, bytes = 0;
};

class Packing {
 public:
  // A folder of this process among the uploads, gone with it unless it became one.
  Packing(const UploadConfig& config, const std::string& sink, ConnectContext& context);

  const std::string& path() const { return folder_.path(); }
  Status Make();
  // Where a file of that name, which is not there yet, is to be written; its folder is made.
  Result<std::string> PathOf(const std::string& name);
  // Puts files there under their names: those of this machine by links.
  Status Place(const std::vector<OfferedFile>& files, std::stop_token stop);
  // What was placed and written. Durable on return; the files that were placed are let go.
  // kUnavailable: one of them is not what its source said.
  Result<PackedContent> Pack(std::stop_token stop);

 private:
  Status CheckUnchanged() const;
  Status Seal(const std::string& tree, std::stop_token stop);
  Status Full(const Status& status) const;

  const UploadConfig config_;
  ConnectContext& context_;
  ScratchFolder folder_;
  std::vector<LocalFile> fetched_;  // go with this
  std::vector<SourceFile> here_;    // those that are read where their source has them
  int64_t bytes_ = 0;
};

}  // namespace millrace::content
