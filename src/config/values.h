// ${…}: the one templating language. Names are replaced in scalars before anything reads them.
//
//   ${NAME}          a variable of the environment, .env or `vars:`      undefined: an error
//   ${NAME:default}  …or the default                                     $${ is a literal ${
//   ${secret:name}   a secret (from MILLRACE_SECRET_<NAME> or the secrets file)
//   ${params.x}      a parameter of the run        ${matrix.x}   this task's combination
//   ${run.id} ${run.logical_date} ${run.data_interval_start} ${run.data_interval_end}
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "config/diagnostics.h"
#include "config/yaml.h"

namespace millrace {

struct Values {
  // By full name: "HOME", "params.year", "matrix.table", "run.id".
  std::map<std::string, std::string> variables;
  std::map<std::string, Secret> secrets;
  // Prefixes whose names stay as they are ("run.": what is hashed and checked must not change with
  // each run).
  std::vector<std::string> keep;
};

// Replaces every ${…} in `text`; each failure is a diagnostic at place_of(byte offset in text),
// with the closest defined name as the hint. Values are not scanned again: no recursion.
std::string Interpolate(std::string_view text, const Values& values,
                        const std::function<Place(size_t)>& place_of, Diagnostics& diagnostics);
// …in every scalar of a tree, keys excepted.
YamlNode Interpolate(const YamlNode& node, const Values& values, Diagnostics& diagnostics);

// KEY=VALUE lines: '#' comments, optional `export`, quotes. Errors carry their line.
std::map<std::string, std::string> ParseDotEnv(std::string_view text, std::string_view file,
                                               Diagnostics& diagnostics);

}  // namespace millrace
