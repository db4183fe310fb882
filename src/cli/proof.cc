// millrace keygen | verify | reproduce
#include <memory>

#include "base/scratch_folder.h"
#include "base/text.h"
#include "cli/command.h"
#include "cli/help.h"
#include "cli/run_view.h"
#include "cli/words.h"
#include "cli/workspace.h"
#include "net/age/age.h"
#include "net/ucan/did.h"
#include "net/ucan/signing_key.h"
#include "pipeline/files.h"
#include "proof/reproduce.h"
#include "proof/verify.h"

namespace millrace {

namespace {

Result<int> PrintKey(Invocation& invocation, bool age) {
  if (age) {
    age::Identity identity = age::Identity::New();
    invocation.terminal.Print("# public key: " + identity.RecipientText() + "\n" +
                              identity.Text().Reveal() + "\n");
    return kExitDone;
  }
  Ed25519Key key = Ed25519Key::New();
  invocation.terminal.Print("# " + ucan::Did::OfKey(key.public_key()).text() + "\n" +
                            ucan::SigningKeyText(key).Reveal() + "\n");
  return kExitDone;
}

struct VerifyArguments {
  std::string manifest, key;
};

class Report {
 public:
  explicit Report(Terminal& terminal) : terminal_(terminal) {}

  void Add(const proof::Seen& seen) {
    const auto [word, style] = WordOf(seen.finding);
    ++counts_[static_cast<size_t>(seen.finding)];
    std::string detail = seen.detail.empty() ? "" : "  " + seen.detail;
    terminal_.Print(terminal_.Paint(style, word) + "  " + Printable(seen.what) +
                    terminal_.Paint(Style::kDim, Printable(detail)) + "\n");
  }
  int64_t differ() const { return counts_[static_cast<size_t>(proof::Finding::kDiffers)]; }
  std::string Summary() const {
    return FormatCount(counts_[0]) + " same, " + FormatCount(differ()) + " differ, " +
           FormatCount(counts_[2]) + " not here\n";
  }

 private:
  static std::pair<std::string, Style> WordOf(proof::Finding finding) {
    switch (finding) {
      case proof::Finding::kSame: return {"same    ", Style::kGreen};
      case proof::Finding::kDiffers: return {"DIFFERS ", Style::kRed};
      case proof::Finding::kNotHere: break;
    }
    return {"not here", Style::kYellow};
  }

  Terminal& terminal_;
  int64_t counts_[3] = {};
};

Status CheckSigner(const proof::Sealed& sealed, const std::string& wanted) {
  if (!sealed.is_authentic) {
    return {Code::kRejected, "the manifest was changed after it was signed: its signature is not "
                             "that of " + sealed.key};
  }
  if (wanted.empty() || wanted == sealed.key) return Status::Ok();
  return {Code::kRejected, "the manifest is signed by " + sealed.key + ", not by " + wanted};
}

Result<int> Verify(Invocation& invocation, const VerifyArguments& arguments) {
  if (!arguments.key.empty()) TRY(ucan::Did::ParseKey(arguments.key).status());
  proof::Sealed sealed = TRY(proof::ReadSealed(arguments.manifest));
  Terminal& terminal = invocation.terminal;
  TRY(CheckSigner(sealed, arguments.key));
  const RunRecord& run = sealed.manifest.run;
  terminal.Print("run " + Printable(run.id) + " of " + Printable(run.pipeline) + ", " +
                 std::string(Name(run.state)) + "\nsigned by " + sealed.key +
                 (arguments.key.empty() ? "  (whose key is that? --key DID asks for one)" : "") +
                 "\n\n");
  auto workspace = TRY(Workspace::Open(invocation, ProjectPart::kLake));
  Report report(terminal);
  TRY(proof::VerifyContent(
      sealed.manifest, {workspace->project().folder, *TRY(workspace->lake())},
      [&](const proof::Seen& seen) { report.Add(seen); }, workspace->stop()));
  terminal.Print("\n" + report.Summary());
  return report.differ() == 0 ? kExitDone : kExitFailed;
}

// --- reproduce

std::pair<std::string, Style> WordOf(proof::Match match) {
  switch (match) {
    case proof::Match::kSame: return {"same     ", Style::kGreen};
    case proof::Match::kReordered: return {"REORDERED", Style::kYellow};
    case proof::Match::kDiffers: return {"DIFFERS  ", Style::kRed};
    case proof::Match::kUnknown: break;
  }
  return {"UNKNOWN  ", Style::kYellow};
}

Result<int> Reproduce(Invocation& invocation, const VerifyArguments& arguments) {
  if (!arguments.key.empty()) TRY(ucan::Did::ParseKey(arguments.key).status());
  proof::Sealed sealed = TRY(proof::ReadSealed(arguments.manifest));
  TRY(CheckSigner(sealed, arguments.key));
  std::unique_ptr<Workspace> workspace = TRY(Workspace::Open(invocation));
  workspace->WriteInOrder();  // as the run did
  ScratchFolder scratch(workspace->state_folder(), "reproduce-");
  TRY(scratch.Make());
  std::unique_ptr<RunView> view = MakeRunView(invocation.options, invocation.terminal);
  const proof::Scene scene{workspace->env(),         workspace->project(),
                           workspace->registry(),    *TRY(workspace->engine()),
                           *TRY(workspace->store()), *TRY(workspace->lake()),
                           "millrace " + std::string(ProgramVersion())};
  std::vector<proof::Compared> all;
  Result<Runner::Outcome> outcome = proof::Reproduce(
      scene, sealed.manifest, scratch.path(), *view,
      [&](const proof::Compared& each) { all.push_back(each); }, workspace->stop());
  view->Finish();
  if (!outcome.ok()) return outcome.status();
  if (outcome->state != RunState::kSucceeded) return kExitFailed;
  Terminal& terminal = invocation.terminal;
  size_t same = 0;
  for (const proof::Compared& each : all) {
    auto [word, style] = WordOf(each.match);
    same += each.match == proof::Match::kSame ? 1 : 0;
    terminal.Print(terminal.Paint(style, word) + "  " + Printable(each.what) +
                   terminal.Paint(Style::kDim, "  " + Printable(each.detail)) + "\n");
  }
  terminal.Print("\n" + FormatCount(static_cast<int64_t>(same)) + " of " +
                 Counted(all.size(), "output") + " reproduced, CID by CID\n");
  return same == all.size() ? kExitDone : kExitFailed;
}

}  // namespace

Action DeclareReproduce(Options& options) {
  auto given = std::make_shared<VerifyArguments>();
  options.Argument("MANIFEST", &given->manifest, "The signed manifest of a run that succeeded");
  options.Value("--key", "DID", &given->key, "Who must have signed it: did:key:z6Mk…");
  options.Note(
      "Runs again what the manifest tells of, on the same inputs, in a folder apart, and\n"
      "compares the CIDs of all outputs. The project, its lake and its record stay as they are.\n"
      "Refused when a source or an input is not what it was, and for runs that read from servers\n"
      "or write to them. Only rows in an order that the SQL gives come out in it again.");
  options.Example("millrace reproduce .millrace/manifests/20261121T065052-1f3a9c.json",
                  "the same bytes again?");
  return [given](Invocation& invocation) { return Reproduce(invocation, *given); };
}

Action DeclareKeygen(Options& options) {
  auto age = std::make_shared<bool>(false);
  options.Flag("--age", age.get(), "A key for `encrypt: {recipients: …}`, in the age format");
  options.Note(
      "Prints a new secret key, and before it, as a comment, what others know it by: a did:key\n"
      "for the manifests of runs, or an age recipient. Keep the secret in .millrace/secrets.yml\n"
      "(mode 600), and name it in millrace.yml: manifests: {key: \"${secret:manifest_key}\"}.");
  options.Example("millrace keygen", "to sign the manifests of runs");
  options.Example("millrace keygen --age > key.txt", "to decrypt what was stored for it");
  return [age](Invocation& invocation) { return PrintKey(invocation, *age); };
}

Action DeclareVerify(Options& options) {
  auto given = std::make_shared<VerifyArguments>();
  options.Argument("MANIFEST", &given->manifest, "The signed manifest of a run");
  options.Value("--key", "DID", &given->key, "Who must have signed it: did:key:z6Mk…");
  options.Note(
      "Checks the signature, and the SHA-256 and the CID of each source, input and output that\n"
      "is on this machine, without a network. Relative paths and tables are those of the project\n"
      "that it is called in (-C DIR). Exit code 1: something differs, or the signature is wrong.");
  options.Example("millrace verify .millrace/manifests/20261121T065052-1f3a9c.json",
                  "everything down to the bytes");
  return [given](Invocation& invocation) { return Verify(invocation, *given); };
}

}  // namespace millrace
