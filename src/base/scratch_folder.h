// A folder for files on their way, of one owner in this process alone.
#pragma once

#include <string>

#include "base/status.h"

namespace millrace {

class ScratchFolder {
 public:
  // <parent>/<prefix><process id>-<number>. Nothing is made before Make().
  ScratchFolder(std::string parent, std::string prefix);
  ~ScratchFolder() { Remove(); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::string& path() const { return path_; }
  // Also sweeps.
  Status Make();
  // Removes what processes that were killed left under the same prefix.
  void Sweep() const;
  // With all that is in it; sweeps, too. Best effort: what stays is removed by a later Make().
  void Remove();

 private:
  const std::string parent_, prefix_, path_;
};

}  // namespace millrace
