#include "proof/reproduce.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "base/text.h"
#include "base/time.h"
#include "proof/mirror.h"
#include "proof/verify.h"

namespace millrace::proof {

namespace {

Status CheckInputs(const Scene& scene, const Manifest& manifest, std::stop_token stop) {
  if (manifest.run.state != RunState::kSucceeded)
    return Invalid("the run did not succeed: there is nothing to compare with");
  const Places places{scene.project.folder, scene.lake};
  for (const Seen& seen : LookAtInputs(manifest, places, stop)) {
    if (seen.finding == Finding::kSame) continue;
    bool project = seen.what == "source millrace.yml";  // settings; what decides rows is checked
    if (project) continue;
    std::string what = seen.finding == Finding::kDiffers ? " is not what it was" : " is not here";
    return Invalid(seen.what + what + (seen.detail.empty() ? "" : ": " + seen.detail),
                   "the run can be repeated on just what it read");
  }
  return stop.stop_requested() ? Canceled() : Status::Ok();
}

// Task, input, size, SHA-256.
using Taken = std::tuple<std::string, std::string, int64_t, std::string>;

std::set<Taken> TakenBy(const Manifest& manifest) {
  std::set<Taken> taken;
  for (const TaskProof& task : manifest.tasks) {
    for (const InputFile& each : task.files)
      taken.emplace(task.key, each.input, each.file.size, each.file.sha256);
  }
  return taken;
}

std::vector<std::string> CidsOf(const std::vector<FileProof>& files) {
  std::vector<std::string> cids;
  for (const FileProof& file : files) cids.push_back(file.cid);
  std::sort(cids.begin(), cids.end());
  return cids;
}

bool AllKnown(const std::vector<std::string>& cids) {
  return std::none_of(cids.begin(), cids.end(), [](const auto& cid) { return cid.empty(); });
}

std::string FormatOf(const std::string& path) {
  for (const char* format : {"parquet", "csv", "ndjson"}) {
    if (path.ends_with("." + std::string(format))) return format;
  }
  return "";
}

class Comparison {
 public:
  Comparison(const Scene& scene, Mirror& mirror, const Manifest& then, const Manifest& now,
             const std::function<void(const Compared&)>& tell, std::stop_token stop)
      : scene_(scene),
        mirror_(mirror),
        then_(then),
        now_(now),
        tell_(tell),
        stop_(std::move(stop)) {}

  Status Run() {
    if (TakenBy(then_) != TakenBy(now_))
      tell_({"inputs", Match::kDiffers, "other files were taken than then"});
    for (const LakeProof& table : then_.tables) TRY(Lake(table, now_.tables));
    for (const LakeProof& landing : then_.landings) TRY(Lake(landing, now_.landings));
    for (const OutputFile& file : then_.files) TRY(File(file));
    std::map<std::string, std::string> roots;
    for (const ContentProof& content : now_.contents) roots[content.task] = content.root;
    for (const ContentProof& content : then_.contents) {
      bool same = roots[content.task] == content.root;
      tell_({"upload of " + content.task, same ? Match::kSame : Match::kDiffers,
             same ? content.root : roots[content.task] + ", not " + content.root});
    }
    return Status::Ok();
  }

 private:
  Status Lake(const LakeProof& then, const std::vector<LakeProof>& all) {
    const std::string what = then.name + " version " + std::to_string(then.version);
    auto now = std::find_if(all.begin(), all.end(),
                            [&](const LakeProof& each) { return each.name == then.name; });
    if (now == all.end()) {
      tell_({what, Match::kDiffers, "nothing was written this time"});
      return Status::Ok();
    }
    std::vector<std::string> cids = CidsOf(then.files);
    if (AllKnown(cids) && cids == CidsOf(now->files)) {
      tell_({what, Match::kSame, FormatCount(static_cast<int64_t>(cids.size())) + " files"});
      return Status::Ok();
    }
    if (!ParseTableName(then.name).ok()) {
      tell_({what, Match::kDiffers, "other files than then"});
      return Status::Ok();
    }
    return Rows(what, TablePaths(scene_.lake, then), TablePaths(mirror_.lake(), *now), "parquet");
  }

  static std::vector<std::string> TablePaths(millrace::Lake& lake, const LakeProof& table) {
    std::vector<std::string> paths;
    Result<TableName> name = ParseTableName(table.name);
    for (const FileProof& file : table.files) {
      Result<std::string> inside = FullPath("", file.path);
      if (!name.ok() || !inside.ok()) return {};
      paths.push_back(lake.storage().Uri(name->layer + "/" + name->table + *inside));
    }
    return paths;
  }

  Status File(const OutputFile& then) {
    const std::string what = then.file.path;
    auto now = std::find_if(now_.files.begin(), now_.files.end(), [&](const OutputFile& each) {
      return each.task == then.task && each.file.path == then.file.path;
    });
    if (now == now_.files.end()) {
      tell_({what, Match::kDiffers, "it was not written this time"});
      return Status::Ok();
    }
    if (!then.file.cid.empty() && now->file.cid == then.file.cid) {
      tell_({what, Match::kSame, then.file.cid});
      return Status::Ok();
    }
    std::string before = TRY(FullPath(scene_.project.folder, then.file.path));
    std::string after = TRY(FullPath(mirror_.project().folder, now->file.path));
    bool there = LookAt(what, before, then.file, stop_).finding == Finding::kSame;
    return Rows(what, there ? std::vector{before} : std::vector<std::string>(), {after},
                FormatOf(what));
  }

  // Whether they hold the same rows, each as often; of `format`, "": it is not known how.
  Status Rows(const std::string& what, const std::vector<std::string>& then,
              const std::vector<std::string>& now, const std::string& format) {
    if (then.empty() || format.empty()) {
      tell_({what, Match::kUnknown, "other bytes; what there was then cannot be read any more"});
      return Status::Ok();
    }
    std::unique_ptr<Session> session = TRY(scene_.engine.Open("reproduce"));
    const std::string one = Reading(then, format), other = Reading(now, format);
    Result<std::vector<std::vector<std::optional<std::string>>>> counts = session->Collect(
        {"SELECT (SELECT count(*) FROM (" + one + " EXCEPT ALL " + other +
         ")), (SELECT count(*) FROM (" + other + " EXCEPT ALL " + one + "))"},
        stop_);
    if (counts.code() == Code::kCanceled) return counts.status();
    if (!counts.ok()) {
      tell_({what, Match::kDiffers, counts.status().message()});
      return Status::Ok();
    }
    const std::string gone = (*counts)[0][0].value_or(""), come = (*counts)[0][1].value_or("");
    if (gone == "0" && come == "0")
      tell_({what, Match::kReordered,
             "the same rows in another order: ORDER BY in its SQL makes it reproducible"});
    else
      tell_({what, Match::kDiffers, gone + " rows of then are missing, " + come + " are new"});
    return Status::Ok();
  }

  static std::string Reading(const std::vector<std::string>& paths, const std::string& format) {
    std::vector<std::string> quoted;
    for (const std::string& path : paths) quoted.push_back(SqlLiteral(path));
    const std::string list = "[" + Join(quoted, ", ") + "]";
    if (format == "parquet")
      return "SELECT * FROM read_parquet(" + list +
             ", union_by_name := true, hive_partitioning := true, hive_types_autocast := false)";
    // Lines, as they are: rows of CSV and of NDJSON.
    return "SELECT * FROM read_csv(" + list +
           ", auto_detect := false, header := false, delim := '\\x01', quote := '', "
           "escape := '', columns := {'line': 'VARCHAR'})";
  }

  const Scene& scene_;
  Mirror& mirror_;
  const Manifest& then_;
  const Manifest& now_;
  const std::function<void(const Compared&)>& tell_;
  const std::stop_token stop_;
};

RunOptions OptionsOf(const Manifest& manifest) {
  const RunRecord& run = manifest.run;
  RunOptions options{.force = true, .full_refresh = run.full_refresh, .params = run.params};
  Repeated repeated{.run = run.id,
                    .logical_date = run.logical_date,
                    .interval_start = run.interval_start,
                    .interval_end = run.interval_end};
  for (const TaskProof& task : manifest.tasks) {
    // A task that only checks has no commit, and is done again, too.
    if (task.state != Name(TaskState::kSucceeded)) continue;
    options.tasks.push_back(task.key);
    if (!task.commits.empty()) repeated.now[task.key] = task.commits.front().now;
  }
  options.repeats = std::move(repeated);
  return options;
}

}  // namespace

Result<Runner::Outcome> Reproduce(const Scene& scene, const Manifest& manifest,
                                  const std::string& folder, Observer& observer,
                                  const std::function<void(const Compared&)>& tell,
                                  std::stop_token stop) {
  TRY(CheckInputs(scene, manifest, stop));
  RunOptions options = OptionsOf(manifest);
  if (options.tasks.empty()) return Invalid("the run did nothing: nothing had changed");
  std::unique_ptr<Mirror> mirror = TRY(Mirror::Make(scene, manifest, folder, stop));
  Scene apart{scene.env,       mirror->project(), scene.registry, scene.engine,
              mirror->store(), mirror->lake(),    scene.program};
  Runner runner({apart.env, apart.project, apart.registry, apart.engine, apart.store, apart.lake,
                 observer});
  Runner::Outcome outcome = TRY(runner.Run(mirror->pipeline_file(), options, stop));
  if (outcome.state != RunState::kSucceeded) return outcome;
  Manifest now = TRY(Begin(apart, TRY(apart.store.GetRun(outcome.run)), stop));
  TRY(Complete(apart, now, stop));
  TRY(Comparison(scene, *mirror, manifest, now, tell, stop).Run());
  return outcome;
}

}  // namespace millrace::proof
