// The kinds of targets, and what a pipeline file says of each. A kind is a config with its fields,
// and a choice made of it.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "config/spec.h"
#include "connect/content/target.h"
#include "connect/registry.h"

namespace millrace::content {

// A target that was configured and is not made yet: one that cannot be made (a token that is no
// token) is a target that fails, and the next is tried.
struct TargetChoice {
  std::string name;   // "archive"
  std::string place;  // tells it from others of its kind: a folder, an address; no secret
  std::function<Result<std::unique_ptr<Target>>(ConnectContext&)> make;
};

// Adds fields of a base of `Config`: FieldsOf<ArchiveConfig>(spec)("folder", &…::folder, "…").
template <class Base, std::derived_from<Base> Config>
auto FieldsOf(Spec<Config>& spec) {
  return [&spec]<class T>(const char* key, T Base::*member, std::string help,
                          FieldOptions options = {}) {
    spec.Field(key, static_cast<T Config::*>(member), std::move(help), std::move(options));
  };
}

// --- archive: a folder of this machine

struct ArchiveConfig {
  std::string folder = "archive";
  bool shards = false;
};

template <std::derived_from<ArchiveConfig> Config>
void AddArchiveFields(Spec<Config>& spec) {
  auto add = FieldsOf<ArchiveConfig>(spec);
  add("folder", &ArchiveConfig::folder,
      "Gets the file ROOT.car of each upload. Relative to the pipeline's folder.");
  add("shards", &ArchiveConfig::shards,
      "ROOT.1.car, ROOT.2.car … and ROOT.index.car, as a network gets them, instead of one file.");
}

TargetChoice ChooseArchive(const ArchiveConfig& config);

}  // namespace millrace::content
