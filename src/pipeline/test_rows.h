// Rows as a test writes them, and how they differ from what came.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/diagnostics.h"
#include "config/yaml.h"
#include "data/schema.h"
#include "engine/engine.h"

namespace millrace {

using TextRow = std::vector<std::optional<std::string>>;

struct TestRows {
  struct Row {
    std::vector<std::optional<std::string>> cells;  // by column; nested values as JSON
    Place place;
  };
  std::vector<std::string> columns;  // all that a row names, in order
  std::vector<Row> rows;
  Place place;
};

// A list of maps, CSV text, or the path of a .csv file relative to `folder`. kInvalid tells at its
// place.
std::optional<TestRows> ReadTestRows(const YamlNode& node, const std::string& folder,
                                     Diagnostics& diagnostics);

// The rows in a shape: columns that are not given are null. kInvalid names a column that the shape
// lacks.
Result<Sql> AsRelation(const TestRows& rows, const Schema& shape);
// A shape for rows of which nothing is known: whole numbers, numbers, booleans, else text.
Schema GuessShape(const TestRows& rows);

struct RowsDifference {
  bool equal = true;
  std::string message;
  Place place;
  std::vector<std::string> lines;
};
// Compares the expected rows' columns with those of `came`, whose shape is `shape`.
Result<RowsDifference> CompareRows(const TestRows& expected, const Sql& came, const Schema& shape,
                                   bool ordered, Session& session, std::stop_token stop);

}  // namespace millrace
