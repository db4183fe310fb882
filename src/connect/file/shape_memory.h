// What was found by looking into files, kept for the next look: finding it costs as much as reading
// a small file.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "connect/file/listing.h"
#include "decode/format.h"
#include "decode/scan.h"

namespace millrace::file {

// Names, sizes and times of the files and all of the format: equal keys mean equal shapes. Folders
// are not in it: a landed file is the file that was looked at before it landed.
std::string ShapeKey(const std::vector<FoundFile>& files, const FormatConfig& format);

// From memory below `state_folder`, else by looking into the files.
Result<Shape> ShapeOf(Session& session, const std::vector<FoundFile>& files,
                      const FormatConfig& format, const std::string& state_folder,
                      std::stop_token stop);

}  // namespace millrace::file
