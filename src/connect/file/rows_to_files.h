// Rows, written by the engine into files of a storage: what the sinks of files have in common.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "base/storage.h"
#include "connect/file/sink_config.h"
#include "connect/sink.h"

namespace millrace::file {

struct FilesPlace {
  std::string connector;             // "file"; of failpoints, too
  std::unique_ptr<Storage> storage;  // the folder that the files are in
  std::string name;                  // of the file in it; "" when each commit adds one of its own
  std::stop_source stop;             // the storage was opened with it: ends all its calls
  // Whether a commit could succeed now, as far as can be told without writing.
  std::function<Status(std::stop_token)> probe;
  // Uploads that were begun earlier than this before and never came to their end are given up.
  Micros unfinished{};
};

// Precondition: `config` is Decided. Where the storage is a folder of this machine, rows are
// written aside, beside their place, and put there by a rename; else into a folder of this process,
// and uploaded whole. What was committed last is remembered in a hidden file next to it. Killed
// between the two, the commit comes again, with the same rows, under the same name: so one id
// counts once.
std::unique_ptr<Sink> WriteFiles(const SinkConfig& config, FilesPlace place,
                                 ConnectContext& context);

}  // namespace millrace::file
