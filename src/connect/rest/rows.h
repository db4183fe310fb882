// The staged records as a relation of the engine.
#pragma once

#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "connect/rest/stage.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace::rest {

struct RowsOptions {
  std::map<std::string, std::string> columns;     // declared; empty: found in the sample
  std::map<std::string, std::string> remembered;  // of an earlier fetch, for one without records
  std::string explode;                            // a list whose elements become rows; "": none
  std::string source_file;                        // what _source_file says
  int64_t max_record = 16 << 20;
  bool for_each_columns = false;  // the records have each_… columns beside the declared ones
};

struct StagedRows {
  Sql rows;
  std::optional<Sql> misfits;  // as DecodeRejects has it; whether there are any is not known yet
  std::map<std::string, std::string> columns;  // of the records
};

// `stage` null: a range without records.
Result<StagedRows> ReadStaged(Session& session, const Stage* stage, const RowsOptions& options,
                              std::stop_token stop);

// What was given up, as DecodeRejects has it; nullopt: nothing.
std::optional<Sql> GivenUpRows(const Stage& stage);

// Declared columns as a schema, explode and _source_file included.
Result<std::optional<Schema>> DeclaredSchema(Session& session, const RowsOptions& options);

}  // namespace millrace::rest
