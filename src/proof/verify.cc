#include "proof/verify.h"

#include <algorithm>

#include "base/text.h"
#include "base/time.h"
#include "net/ipld/car_files.h"
#include "proof/collect.h"
#include "proof/digest.h"

namespace millrace::proof {

namespace {

Seen NotHere(std::string what, std::string why) {
  return {std::move(what), Finding::kNotHere, std::move(why)};
}

// Of an upload: the archive, where there is one on this machine, block by block.
Seen LookAtArchive(const std::string& what, const ContentProof& content,
                      const std::string& path, std::stop_token stop) {
  // Nothing is opened that is no archive of its own.
  Result<FileProof> file = DigestFile(path, kAnySize, stop);
  if (!file.ok()) return NotHere(what, file.status().message());
  Result<ipld::CarFiles> blocks = ipld::CarFiles::Open({path}, {.verify = true}, stop);
  if (!blocks.ok()) return {what, Finding::kDiffers, blocks.status().message()};
  auto is_root = [&](const ipld::Cid& root) { return root.Text() == content.root; };
  auto root = std::find_if(blocks->roots().begin(), blocks->roots().end(), is_root);
  if (root == blocks->roots().end())
    return {what, Finding::kDiffers, path + " has another root"};
  Result<ipld::DagCheck> dag = ipld::CheckDag(*blocks, {*root}, stop);
  if (!dag.ok()) return {what, Finding::kDiffers, dag.status().message()};
  if (dag->missing > 0)
    return {what, Finding::kDiffers, FormatCount(dag->missing) + " of its blocks are missing"};
  return {what, Finding::kSame, FormatCount(dag->reached) + " blocks, every hash"};
}

class Verifier {
 public:
  Verifier(const Manifest& manifest, const Places& places,
           const std::function<void(const Seen&)>& tell, std::stop_token stop)
      : manifest_(manifest), places_(places), tell_(tell), stop_(std::move(stop)) {}

  void Inputs() {
    for (const FileProof& file : manifest_.sources) File("source", file);
    for (const TaskProof& task : manifest_.tasks) {
      for (const InputFile& each : task.files) File("input", each.file);
    }
  }

  void Outputs() {
    for (const LakeProof& table : manifest_.tables) Table(table);
    for (const LakeProof& landing : manifest_.landings) Landing(landing);
    for (const OutputFile& each : manifest_.files) File("output", each.file);
    for (const ContentProof& content : manifest_.contents) Content(content);
  }

 private:
  void Tell(const Seen& checked) {
    if (!stop_.stop_requested()) tell_(checked);
  }

  void File(const std::string& role, const FileProof& file) {
    const std::string what = role + " " + file.path;
    if (file.path.find("://") != file.path.npos) return Tell(NotHere(what, "it is on a server"));
    Result<std::string> path = FullPath(places_.folder, file.path);
    Tell(path.ok() ? LookAt(what, *path, file, stop_) : NotHere(what, path.status().message()));
  }

  void Files(const std::string& what, const std::string& folder,
             const std::vector<FileProof>& files) {
    Storage& storage = places_.lake.storage();
    for (const FileProof& file : files) {
      const std::string name = what + " " + file.path;
      bool outside = file.path.starts_with('/');  // a table may name files elsewhere
      Result<std::string> inside = FullPath("", outside ? file.path.substr(1) : file.path);
      if (!inside.ok()) {
        Tell(NotHere(name, inside.status().message()));
      } else if (outside) {
        Tell(LookAt(name, file.path, file, stop_));
      } else if (std::string path = folder + *inside; IsLocal(storage, path)) {
        Tell(LookAt(name, storage.Uri(path), file, stop_));
      } else {
        Tell(OnServer(name, storage, path, file));
      }
    }
  }

  static Seen OnServer(const std::string& what, Storage& storage, const std::string& path,
                          const FileProof& file) {
    Result<FileInfo> info = storage.Stat(path);
    if (!info.ok()) return NotHere(what, info.status().message());
    if (info->size != file.size)
      return {what, Finding::kDiffers, FormatCount(info->size) + " bytes on the server"};
    if (info->sha256.empty() || file.sha256.empty())
      return NotHere(what, "the server does not tell its SHA-256");
    if (info->sha256 == file.sha256) return {what, Finding::kSame, "as the server says"};
    return {what, Finding::kDiffers, "SHA-256 " + info->sha256 + " on the server"};
  }

  void Table(const LakeProof& table) {
    const std::string what = "output " + table.name;
    Result<TableName> name = ParseTableName(table.name);
    if (!name.ok()) return Tell(NotHere(what, name.status().message()));
    Result<Snapshot> then = places_.lake.Open(*name)->Load({.version = table.version});
    if (!then.ok()) return Tell(NotHere(what, then.status().message()));
    if (then->table_id != table.id)
      return Tell({what, Finding::kDiffers, "it was removed and made anew since"});
    const std::string version = "version " + std::to_string(table.version);
    for (const FileProof& file : table.files) {
      bool in_log = std::any_of(then->files.begin(), then->files.end(), [&](const DataFile& each) {
        return each.path == file.path && each.size == file.size;
      });
      if (!in_log)
        return Tell({what, Finding::kDiffers, file.path + " is not in the log of " + version});
    }
    Tell({what + " " + version, Finding::kSame, "as its log says"});
    Files(what, name->layer + "/" + name->table, table.files);
  }

  void Landing(const LakeProof& landing) {
    constexpr std::string_view kPrefix = "landing/";
    Result<std::string> inside = FullPath("", landing.name);
    bool fits = inside.ok() && landing.name.starts_with(kPrefix) &&
                landing.name.find('/', kPrefix.size()) == landing.name.npos;
    if (!fits) return Tell(NotHere("output " + landing.name, "it is no landing's name"));
    Files("output " + landing.name, landing.name + "/.versions", landing.files);
  }

  void Content(const ContentProof& content) {
    const std::string what = "upload " + content.root;
    bool looked = false;
    for (const StoredAt& stored : content.stored) {
      if (!stored.location.starts_with('/') || !stored.location.ends_with(".car")) continue;
      Tell(LookAtArchive(what + " in " + stored.location, content, stored.location, stop_));
      looked = true;
    }
    if (!looked) Tell(NotHere(what, "`millrace uploads verify` asks who has it"));
  }

  const Manifest& manifest_;
  const Places& places_;
  const std::function<void(const Seen&)>& tell_;
  const std::stop_token stop_;
};

}  // namespace

Seen LookAt(const std::string& what, const std::string& path, const FileProof& said,
               std::stop_token stop) {
  Result<FileProof> found = DigestFile(path, std::max<int64_t>(said.size, 0), stop);
  if (found.code() == Code::kNotFound || found.code() == Code::kCanceled)
    return NotHere(what, "");
  if (found.code() == Code::kRejected || (found.ok() && found->size != said.size))
    return {what, Finding::kDiffers, "another size than " + FormatCount(said.size) + " bytes"};
  if (!found.ok()) return NotHere(what, found.status().message());
  if (said.sha256.empty()) return NotHere(what, "the manifest has no hash of it");
  if (found->sha256 != said.sha256)
    return {what, Finding::kDiffers, "SHA-256 " + found->sha256 + ", not " + said.sha256};
  if (!said.cid.empty() && found->cid != said.cid)
    return {what, Finding::kDiffers, "CID " + found->cid + ", not " + said.cid};
  return {what, Finding::kSame, said.cid};
}

Status VerifyContent(const Manifest& manifest, const Places& places,
                     const std::function<void(const Seen&)>& tell, std::stop_token stop) {
  Verifier verifier(manifest, places, tell, stop);
  verifier.Inputs();
  verifier.Outputs();
  return stop.stop_requested() ? Canceled() : Status::Ok();
}

std::vector<Seen> LookAtInputs(const Manifest& manifest, const Places& places,
                                  std::stop_token stop) {
  std::vector<Seen> all;
  const std::function<void(const Seen&)> keep = [&](const Seen& each) {
    all.push_back(each);
  };
  Verifier(manifest, places, keep, std::move(stop)).Inputs();
  return all;
}

}  // namespace millrace::proof
