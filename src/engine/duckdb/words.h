// The words of a statement, as far as one must know them without a parser: where a name, a string,
// a comment or a bracket ends.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace millrace::duck {

// [A-Za-z_][A-Za-z0-9_$]*, or letters outside ASCII.
bool IsWord(std::string_view text);

// The end of what begins at `at`: a string, a quoted name, a comment, a dollar-quoted string, a
// word, or one byte.
size_t TokenEnd(std::string_view sql, size_t at);
bool IsBlankToken(std::string_view token);  // white space or a comment

// The end of the name at `at`, with its qualifiers: "t.x", "a"."b".
size_t NameEnd(std::string_view sql, size_t at);

// After `name_end`: the end of the bracketed arguments, or npos when none follow.
size_t ArgumentsEnd(std::string_view sql, size_t name_end);

// Without trailing semicolons, blanks and comments. What is left begins as before: offsets hold.
std::string_view TrimStatement(std::string_view sql);

}  // namespace millrace::duck
