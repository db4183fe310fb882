// A place apart in which a run can be repeated: its sources, inputs and tables as they were then,
// links to what is on this machine, and all that it writes goes there.
#pragma once

#include <memory>
#include <set>
#include <stop_token>
#include <string>

#include "pipeline/pipeline.h"
#include "proof/collect.h"
#include "proof/manifest.h"

namespace millrace::proof {

class Mirror {
 public:
  // `folder` is empty. kInvalid: the run is none that can be repeated so, and why; kNotFound: a
  // table's earlier version is gone.
  static Result<std::unique_ptr<Mirror>> Make(const Scene& original, const Manifest& manifest,
                                              const std::string& folder, std::stop_token stop);

  const Project& project() const { return project_; }
  const std::string& pipeline_file() const { return pipeline_file_; }
  Store& store() { return *store_; }
  Lake& lake() { return *lake_; }

 private:
  Mirror(const Scene& original, const Manifest& manifest, std::string folder);
  // Where a file of this machine stands in it.
  std::string PlaceOf(const std::string& path) const { return folder_ + "/files" + path; }
  Status Link(const std::string& path);
  Status LinkFiles();
  Status CheckTasks(const Pipeline& pipeline);
  Status PlantCommits(const Pipeline& pipeline);
  Status PlantLists();
  Status PlantTables(const Pipeline& pipeline, std::stop_token stop);
  Status PlantTable(const std::string& name, int64_t version);
  Status PlantLanding(const std::string& name, int64_t version);

  const Scene& original_;
  const Manifest& manifest_;
  const std::string folder_;
  Project project_;
  std::string pipeline_file_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Lake> lake_;
};

}  // namespace millrace::proof
