// A table's schema as the log spells it.
// https://github.com/delta-io/delta/blob/master/PROTOCOL.md#schema-serialization-format
#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "data/schema.h"

namespace millrace {

// kInvalid names the column whose type we do not know.
Result<Schema> ParseSchemaJson(std::string_view text);
// `earlier` is the schemaString it replaces, or "": what it says of columns that stay as they are
// (comments and the like) is kept.
std::string PrintSchemaJson(const Schema& schema, std::string_view earlier = "");

// Whether a field, at any depth, has this key in its metadata: "delta.invariants".
bool AnyFieldHas(std::string_view schema_json, const char* metadata_key);
// Whether a column, at any depth, is a timestamp without zone.
bool HasTimestampNtz(const Schema& schema);

}  // namespace millrace
