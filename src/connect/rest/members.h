// What one fetch asks for, again and again with other values: rows of a table, items of a list,
// windows of time.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "connect/rest/config.h"

namespace millrace::rest {

struct Member {
  // "each.id", "window.start": what {each.id} stands for.
  std::map<std::string, std::string> values;
  std::string prefix;  // members that its records get: "\"each_id\":12"
};

// {each.NAME}, {window.start}, {window.end} and {cursor} replaced; other braces stay. In the path
// of an address values are percent-encoded.
std::string Fill(const std::string& text, const Member& member, bool encode = false);
// Every {…} that Fill would look at: "each.id".
std::vector<std::string> NamesIn(const std::string& text);

// Equal exactly when the members are.
std::string DigestOf(const std::vector<Member>& members);

// `cursor`: where the last fetch ended. One member without values when nothing is repeated.
Result<std::vector<Member>> FindMembers(const SourceConfig& config, ConnectContext& context,
                                        const std::optional<std::string>& cursor, Time now,
                                        std::stop_token stop);

}  // namespace millrace::rest
