// What a pipeline file says of files that are read.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/spec.h"
#include "connect/registry.h"
#include "decode/format.h"

namespace millrace::file {

enum class Rewritten { kReplace, kAppend, kFail };

struct SourceConfig : FormatConfig {
  std::vector<std::string> path;
  std::optional<bool> incremental;
  Rewritten rewritten = Rewritten::kReplace;
  bool hidden = false;
  bool keep = true;
  std::string connection;
};

Spec<SourceConfig> SourceSpec();
SourceTraits TraitsOf(const SourceConfig& config);
Result<std::unique_ptr<Source>> MakeSource(const SourceConfig& config, ConnectContext& context);

// For the fields that every source of files has.
inline constexpr const char* kServerHelp =
    "For a path on a server, such as s3://…, which is read as by its connector: a connection of "
    "millrace.yml.";
inline constexpr const char* kIncrementalHelp =
    "Take only files that are new, and the new rows of files that grew. Default: yes where the "
    "task keeps what it "
    "wrote before.";
inline constexpr const char* kRewrittenHelp =
    "When a file that was taken has another content than it had, and did not just grow. replace: "
    "its earlier rows "
    "are removed from the target, by `_source_file`; append: all its rows come once more; fail: "
    "the task fails.";

}  // namespace millrace::file

namespace millrace {

template <>
struct EnumNames<file::Rewritten> {
  static constexpr std::pair<std::string_view, file::Rewritten> kAll[] = {
      {"replace", file::Rewritten::kReplace},
      {"append", file::Rewritten::kAppend},
      {"fail", file::Rewritten::kFail},
  };
};

}  // namespace millrace
