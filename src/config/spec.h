// Spec<Config>: one declaration of a component's fields. From it come the parser with every error
// at its line and column, the defaults, the reference page, and the JSON Schema for editors.
//
//   struct FileConfig { std::string path; int64_t limit = 100; };
//   Spec<FileConfig> spec = Spec<FileConfig>("file source", "Files on this machine.")
//       .Field("path", &FileConfig::path, "A file, a folder or a glob.", {.required = true})
//       .Field("limit", &FileConfig::limit, "Rows per batch.", {.min = 1})
//       .Short("path");                      // `file: data.csv` means `file: {path: data.csv}`
//
// Defaults are those of a default-constructed Config: they stand in one place.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/status.h"
#include "config/diagnostics.h"
#include "config/spec_info.h"
#include "config/spec_read.h"
#include "config/yaml.h"

namespace millrace {

template <class Config>
class Spec {
 public:
  // `name` as it stands in errors: "sink 'postgres'", "file source".
  Spec(std::string name, std::string summary) : info_(std::make_shared<SpecInfo>()) {
    info_->name = std::move(name);
    info_->summary = std::move(summary);
  }

  template <class T>
  Spec& Field(std::string key, T Config::*member, std::string help, FieldOptions options = {}) {
    using Enum = typename spec_internal::EnumOf<T>::type;
    if constexpr (!std::is_void_v<Enum>) options.choices = spec_internal::NamesOf<Enum>();
    std::string what = "'" + key + "'";
    FieldKind kind = spec_internal::KindOf(static_cast<const T*>(nullptr));
    std::string default_text = spec_internal::DefaultText(Config{}.*member);
    return Add(
        {std::move(key), std::move(help), kind, std::move(default_text), options, nullptr},
        [member, what, options](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
          return spec_internal::Read(node, what, options, config.*member, diagnostics);
        });
  }

  // A field that is a map with a Spec of its own.
  template <class Sub>
  Spec& Group(std::string key, Sub Config::*member, const Spec<Sub>& sub, std::string help,
              FieldOptions options = {}) {
    return Add(
        {std::move(key), std::move(help), FieldKind::kGroup, "", std::move(options), sub.info()},
        [member, sub](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
          std::optional<Sub> value = sub.Parse(node, diagnostics);
          if (!value) return false;
          config.*member = *std::move(value);
          return true;
        });
  }

  // The same, absent unless written.
  template <class Sub>
  Spec& Group(std::string key, std::optional<Sub> Config::*member, const Spec<Sub>& sub,
              std::string help, FieldOptions options = {}) {
    return Add(
        {std::move(key), std::move(help), FieldKind::kGroup, "", std::move(options), sub.info()},
        [member, sub](const YamlNode& node, Config& config, Diagnostics& diagnostics) {
          config.*member = sub.Parse(node, diagnostics);
          return (config.*member).has_value();
        });
  }

  // A list of maps with a Spec of their own; a map alone is a list of one.
  template <class Sub>
  Spec& GroupList(std::string key, std::vector<Sub> Config::*member, const Spec<Sub>& sub,
                  std::string help, FieldOptions options = {}) {
    std::string what = "'" + key + "'";
    return Add({std::move(key), std::move(help), FieldKind::kGroupList, "", options, sub.info()},
               [member, sub, what, options](const YamlNode& node, Config& config,
                                            Diagnostics& diagnostics) {
                 auto read = [&](const YamlNode& item) {
                   std::optional<Sub> value = sub.Parse(item, diagnostics);
                   if (!value) return false;
                   (config.*member).push_back(*std::move(value));
                   return true;
                 };
                 return spec_internal::ReadItems(node, what, options, read, diagnostics);
               });
  }

  // The field that a plain scalar or list stands for.
  Spec& Short(std::string key) {
    info_->short_field = std::move(key);
    return *this;
  }
  // Unknown keys are read by the component's owner.
  Spec& AnyKey() {
    info_->any_key = true;
    return *this;
  }
  Spec& Example(std::string title, std::string yaml) {
    info_->examples.emplace_back(std::move(title), std::move(yaml));
    return *this;
  }
  // A rule across fields; told at the component's place.
  Spec& Require(std::function<bool(const Config&)> holds, std::string otherwise,
                std::string hint = "") {
    return Check([holds = std::move(holds), otherwise = std::move(otherwise),
                  hint = std::move(hint)](const Config& config) {
      return holds(config) ? Status::Ok() : Invalid(otherwise, hint);
    });
  }
  // The same, in the words of the rule.
  Spec& Check(std::function<Status(const Config&)> rule) {
    rules_.push_back(std::move(rule));
    return *this;
  }

  // nullopt after every fault was told to `diagnostics`.
  std::optional<Config> Parse(const YamlNode& node, Diagnostics& diagnostics) const {
    Config config{};
    bool ok = spec_internal::ReadFields(
        *info_, node,
        [&](size_t index, const YamlNode& value) {
          return readers_[index](value, config, diagnostics);
        },
        diagnostics);
    if (!ok) return std::nullopt;
    for (const auto& rule : rules_) {
      Status status = rule(config);
      if (status.ok()) continue;
      diagnostics.Error(node.place, info_->name + ": " + status.message(), status.hint());
      ok = false;
    }
    if (!ok) return std::nullopt;
    return config;
  }

  std::shared_ptr<const SpecInfo> info() const { return info_; }

 private:
  using Reader = std::function<bool(const YamlNode&, Config&, Diagnostics&)>;

  Spec& Add(FieldInfo field, Reader reader) {
    info_->fields.push_back(std::move(field));
    readers_.push_back(std::move(reader));
    return *this;
  }

  std::shared_ptr<SpecInfo> info_;
  std::vector<Reader> readers_;
  std::vector<std::function<Status(const Config&)>> rules_;
};

}  // namespace millrace
