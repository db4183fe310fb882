#include "pipeline/lake_storage.h"

#include <utility>

#include "base/storage_mounts.h"
#include "base/text.h"
#include "pipeline/names.h"

namespace millrace {

namespace {

const Registry::Entry* ServerOf(const Registry& registry, const std::string& scheme) {
  for (const Registry::Entry* entry : registry.All()) {
    if (entry->open_storage && entry->scheme == scheme) return entry;
  }
  return nullptr;
}

// The most exact place that is known of a field of `lake`.
Place PlaceOfField(const Project& project, const std::string& field) {
  const YamlNode& lake = project.lake_config;
  const YamlNode* node = lake.IsMap() ? lake.Find(field) : &lake;
  return node && node->place.line > 0 ? node->place : Place{project.file};
}

class Checker {
 public:
  Checker(const Project& project, const Registry& registry, const Connections& connections,
          Diagnostics& diagnostics)
      : project_(project),
        registry_(registry),
        connections_(connections),
        diagnostics_(diagnostics) {}

  void Check(const std::string& path, const std::string& field) {
    std::string scheme = SchemeOf(path);
    if (scheme.empty()) return;
    const Registry::Entry* server = ServerOf(registry_, scheme);
    if (server == nullptr) {
      diagnostics_.Error(PlaceOfField(project_, field),
                         "a lake cannot live on " + scheme + "://", "there are " + Schemes());
    } else if (path.size() <= scheme.size() + 3 || path[scheme.size() + 3] == '/') {
      diagnostics_.Error(PlaceOfField(project_, field), "'" + path + "' names no bucket",
                         "write " + scheme + "://BUCKET or " + scheme + "://BUCKET/PREFIX");
    } else {
      CheckConnection(*server);
    }
  }

 private:
  std::string Schemes() const {
    std::vector<std::string> schemes = {"folders"};
    for (const Registry::Entry* entry : registry_.All()) {
      if (entry->open_storage) schemes.push_back(entry->scheme + "://");
    }
    return Join(schemes, " and ");
  }

  void CheckConnection(const Registry::Entry& server) {
    const std::string& name = project_.lake.connection;
    if (name.empty() || std::exchange(told_, true)) return;
    auto found = connections_.all().find(name);
    if (found == connections_.all().end()) {
      std::vector<std::string> names;
      for (const auto& [known, connection] : connections_.all()) names.push_back(known);
      std::string hint = SuggestName(name, names);
      if (hint.empty())
        hint = "declare it: `connections: {" + name + ": {" + server.name + ": {…}}}`";
      diagnostics_.Error(PlaceOfField(project_, "connection"),
                         "there is no connection '" + name + "'", hint);
    } else if (found->second.entry && found->second.entry != &server) {
      diagnostics_.Error(PlaceOfField(project_, "connection"),
                         "connection '" + name + "' is of kind " + found->second.entry->name +
                             ", not " + server.name);
    }
  }

  const Project& project_;
  const Registry& registry_;
  const Connections& connections_;
  Diagnostics& diagnostics_;
  bool told_ = false;  // one connection serves all places: its faults are told once
};

// Each kind of server is opened once, however many places are on it.
class Opener {
 public:
  Opener(const Project& project, const Registry& registry, const Connections& connections,
         const std::string& state_folder, std::stop_token stop)
      : project_(project),
        registry_(registry),
        connections_(connections),
        state_folder_(state_folder),
        stop_(std::move(stop)) {}

  Result<std::unique_ptr<Storage>> Open(const std::string& path) {
    std::string scheme = SchemeOf(path);
    if (scheme.empty()) return OpenLocalStorage(project_.Absolute(path));
    OpenedStorage opened =
        TRY(TRY(Server(scheme))({.uri = path,
                                 .local_folder = state_folder_,
                                 .create = project_.lake.create_buckets,
                                 .copies = project_.lake.copies.count},
                                stop_));
    stores_.push_back(std::move(opened.store));
    return std::move(opened.storage);
  }

  std::function<Result<std::vector<ObjectStore>>()> stores() const {
    if (stores_.empty()) return nullptr;
    return [each = stores_]() -> Result<std::vector<ObjectStore>> {
      std::vector<ObjectStore> stores;
      for (const auto& store : each) stores.push_back(TRY(store()));
      return stores;
    };
  }

 private:
  Result<Registry::OpenStorage> Server(const std::string& scheme) {
    auto known = servers_.find(scheme);
    if (known != servers_.end()) return known->second;
    const Registry::Entry* server = ServerOf(registry_, scheme);
    auto connection = connections_.all().find(project_.lake.connection);
    YamlNode defaults;
    const YamlNode& config =
        connection == connections_.all().end() ? defaults : connection->second.config;
    Result<Registry::OpenStorage> opened = server->open_storage(config);
    if (!opened.ok()) return opened.status().In("lake");
    return servers_[scheme] = *std::move(opened);
  }

  const Project& project_;
  const Registry& registry_;
  const Connections& connections_;
  const std::string state_folder_;
  const std::stop_token stop_;
  std::map<std::string, Registry::OpenStorage> servers_;
  std::vector<std::function<Result<ObjectStore>()>> stores_;
};

}  // namespace

void CheckLake(const Project& project, const Registry& registry, const Connections& connections,
               Diagnostics& diagnostics) {
  Checker checker(project, registry, connections, diagnostics);
  checker.Check(project.lake.path, "path");
  for (const auto& [layer, path] : project.lake.layers) {
    if (layer.empty() || layer.find_first_of("/.") != layer.npos)
      diagnostics.Error(PlaceOfField(project, "layers"), "'" + layer + "' is no name of a layer");
    checker.Check(path, "layers");
  }
}

Result<LakeStorage> OpenLakeStorage(const Project& project, const Registry& registry,
                                    const Connections& connections,
                                    const std::string& state_folder, std::stop_token stop) {
  Opener opener(project, registry, connections, state_folder, std::move(stop));
  std::unique_ptr<Storage> root = TRY(opener.Open(project.lake.path));
  std::map<std::string, std::unique_ptr<Storage>> layers;
  for (const auto& [layer, path] : project.lake.layers) layers[layer] = TRY(opener.Open(path));
  if (!layers.empty()) root = MountStorages(std::move(root), std::move(layers));
  return LakeStorage{std::move(root), opener.stores()};
}

}  // namespace millrace
