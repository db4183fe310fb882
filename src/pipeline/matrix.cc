#include "pipeline/matrix.h"

#include <algorithm>
#include <set>

#include "pipeline/names.h"

namespace millrace {
namespace {

constexpr size_t kMostMembers = 10'000;

bool IsSpecial(const std::string& key) { return key == "include" || key == "exclude"; }

// The values of one dimension; empty after an error.
std::vector<std::string> ValuesOf(const YamlNode& key, const YamlNode& list,
                                  Diagnostics& diagnostics) {
  if (!list.IsList() || list.items.empty()) {
    diagnostics.Error(list.place.line ? list.place : key.place,
                      "matrix: '" + key.scalar + "' must be a list of values",
                      "write `" + key.scalar + ": [a, b]`");
    return {};
  }
  std::vector<std::string> values;
  for (const YamlNode& item : list.items) {
    if (!item.IsScalar()) {
      diagnostics.Error(item.place,
                        "matrix: a value of '" + key.scalar + "' must be plain text or a number");
      return {};
    }
    if (std::find(values.begin(), values.end(), item.scalar) != values.end()) {
      diagnostics.Error(item.place,
                        "matrix: '" + key.scalar + "' has the value '" + item.scalar + "' twice");
      return {};
    }
    values.push_back(item.scalar);
  }
  return values;
}

// The maps under include or exclude. False after an error.
bool CombinationsOf(const YamlNode& matrix, const char* key, const std::set<std::string>& names,
                    std::vector<Combination>& combinations, Diagnostics& diagnostics) {
  const YamlNode* list = matrix.Find(key);
  if (!list) return true;
  std::string what = std::string("matrix: '") + key + "'";
  if (!list->IsList()) {
    diagnostics.Error(list->place, what + " must be a list of combinations");
    return false;
  }
  for (const YamlNode& item : list->items) {
    Combination combination;
    for (const auto& [name, value] : item.entries) {
      if (!names.contains(name.scalar) || !value.IsScalar()) {
        diagnostics.Error(name.place, what + ": '" + name.scalar + "' is not a value of the matrix",
                          SuggestName(name.scalar, {names.begin(), names.end()}));
        return false;
      }
      combination[name.scalar] = value.scalar;
    }
    if (!item.IsMap() || (key == std::string("include") && combination.size() != names.size())) {
      diagnostics.Error(item.place,
                        what + " must be a list of combinations with a value for each name");
      return false;
    }
    combinations.push_back(std::move(combination));
  }
  return true;
}

// `matrix: [{year: 23-24, suffix: _old}, {year: 24-25, suffix: ""}]`: values that belong together.
std::vector<Combination> Listed(const YamlNode& matrix, Diagnostics& diagnostics) {
  std::vector<Combination> members;
  for (const YamlNode& item : matrix.items) {
    Combination member;
    for (const auto& [name, value] : item.entries) {
      if (!value.IsScalar()) {
        diagnostics.Error(value.place,
                          "matrix: '" + name.scalar + "' must be plain text or a number");
        return {};
      }
      member[name.scalar] = value.scalar;
    }
    auto same_names = [](const auto& a, const auto& b) { return a.first == b.first; };
    bool fits = members.empty() || std::equal(member.begin(), member.end(), members[0].begin(),
                                              members[0].end(), same_names);
    if (member.empty() || !fits) {
      diagnostics.Error(item.place, "matrix: every item of the list must have the same names",
                        "write `matrix: [{year: 2024, name: old}, {year: 2025, name: new}]`");
      return {};
    }
    if (std::find(members.begin(), members.end(), member) != members.end()) {
      diagnostics.Error(item.place, "matrix: this combination is there twice");
      return {};
    }
    members.push_back(std::move(member));
  }
  if (members.empty()) diagnostics.Error(matrix.place, "matrix: the list is empty");
  return members;
}

bool Covers(const Combination& part, const Combination& whole) {
  return std::all_of(part.begin(), part.end(), [&](const auto& entry) {
    auto found = whole.find(entry.first);
    return found != whole.end() && found->second == entry.second;
  });
}

}  // namespace

std::vector<Combination> ExpandMatrix(const YamlNode& matrix, Diagnostics& diagnostics) {
  if (matrix.IsNull()) return {{}};
  if (matrix.IsList()) return Listed(matrix, diagnostics);
  if (!matrix.IsMap()) {
    diagnostics.Error(matrix.place, "'matrix' must be a map of lists or a list of combinations",
                      "write `matrix: {table: [a, b]}`");
    return {};
  }
  std::vector<Combination> members = {{}};
  std::set<std::string> names;
  bool ok = true;
  for (const auto& [key, list] : matrix.entries) {
    if (IsSpecial(key.scalar)) continue;
    names.insert(key.scalar);
    std::vector<std::string> values = ValuesOf(key, list, diagnostics);
    ok = ok && !values.empty();
    if (members.size() * values.size() > kMostMembers) {
      diagnostics.Error(key.place, "matrix: more than 10,000 combinations");
      return {};
    }
    std::vector<Combination> product;
    for (const Combination& member : members) {
      for (const std::string& value : values) {
        product.push_back(member);
        product.back()[key.scalar] = value;
      }
    }
    members = std::move(product);
  }
  std::vector<Combination> include, exclude;
  ok = CombinationsOf(matrix, "exclude", names, exclude, diagnostics) && ok;
  ok = CombinationsOf(matrix, "include", names, include, diagnostics) && ok;
  if (!ok) return {};
  std::erase_if(members, [&](const Combination& member) {
    return std::any_of(exclude.begin(), exclude.end(),
                       [&](const auto& part) { return Covers(part, member); });
  });
  for (Combination& member : include) {
    if (std::find(members.begin(), members.end(), member) == members.end())
      members.push_back(std::move(member));
  }
  if (members.empty()) diagnostics.Error(matrix.place, "matrix: no combination is left");
  return members;
}

std::string MatrixSuffix(const Combination& combination) {
  std::string text;
  for (const auto& [name, value] : combination) {
    if (!value.empty()) text += (text.empty() ? "[" : ",") + name + "=" + value;
  }
  return text.empty() ? "" : text + "]";
}

}  // namespace millrace
