// millrace encrypt | decrypt
#include <cstdlib>
#include <memory>

#include "cli/command.h"
#include "net/age/age.h"
#include "pipeline/files.h"

namespace millrace {

namespace {

constexpr std::string_view kEnding = ".age";

struct AgeArguments {
  std::string file, output, passphrase;
  std::vector<std::string> recipients, identities;
};

Result<Secret> PassphraseIn(const std::string& variable) {
  const char* value = std::getenv(variable.c_str());
  if (value != nullptr && *value != '\0') return Secret(value);
  return Invalid("--passphrase-env: " + variable + " is not set in the environment");
}

Result<int> Encrypt(Invocation& invocation, const AgeArguments& arguments) {
  std::vector<age::Recipient> recipients;
  for (const std::string& text : arguments.recipients)
    recipients.push_back(TRY(age::ParseRecipient(text)));
  if (!arguments.passphrase.empty())
    recipients.push_back({.passphrase = TRY(PassphraseIn(arguments.passphrase))});
  if (recipients.empty())
    return Invalid("say for whom: --recipient age1…, or --passphrase-env VAR");
  std::string output = arguments.output;
  if (output.empty()) output = arguments.file + std::string(kEnding);
  TRY(age::EncryptFile(arguments.file, output, recipients, false, invocation.signals.stop()));
  invocation.terminal.Print(output + "\n");
  return kExitDone;
}

Result<int> Decrypt(Invocation& invocation, const AgeArguments& arguments) {
  std::vector<age::Identity> identities;
  for (const std::string& path : arguments.identities) {
    Result<std::vector<age::Identity>> some = age::ParseIdentities(TRY(ReadTextFile(path)));
    if (!some.ok()) return some.status().In(path);
    identities.insert(identities.end(), some->begin(), some->end());
  }
  if (!arguments.passphrase.empty())
    identities.push_back({.passphrase = TRY(PassphraseIn(arguments.passphrase))});
  if (identities.empty())
    return Invalid("say what opens it: --identity FILE, or --passphrase-env VAR");
  std::string output = arguments.output;
  if (output.empty() && arguments.file.ends_with(kEnding))
    output = arguments.file.substr(0, arguments.file.size() - kEnding.size());
  if (output.empty()) return Invalid("say where to: -o FILE");
  TRY(age::DecryptFile(arguments.file, output, identities, invocation.signals.stop()));
  invocation.terminal.Print(output + "\n");
  return kExitDone;
}

}  // namespace

Action DeclareEncrypt(Options& options) {
  auto given = std::make_shared<AgeArguments>();
  options.Argument("FILE", &given->file, "What is to be encrypted");
  options.Value("-r,--recipient", "age1…", &given->recipients,
                "Who can read it; more than one may");
  options.Value("--passphrase-env", "VAR", &given->passphrase,
                "A variable of the environment with a passphrase, instead");
  options.Value("-o,--output", "FILE", &given->output, "FILE.age unless given");
  options.Note(
      "The age format (https://age-encryption.org/v1): `age` and `rage` read it, too. Whoever has\n"
      "a key of `millrace keygen --age`, or of `age-keygen`, is a recipient.");
  options.Example("millrace encrypt report.parquet -r age1…", "writes report.parquet.age");
  return [given](Invocation& invocation) { return Encrypt(invocation, *given); };
}

Action DeclareDecrypt(Options& options) {
  auto given = std::make_shared<AgeArguments>();
  options.Argument("FILE", &given->file, "A file in the age format");
  options.Value("-i,--identity", "FILE", &given->identities,
                "A file with secret keys, as keygen --age prints them");
  options.Value("--passphrase-env", "VAR", &given->passphrase,
                "A variable of the environment with the passphrase, instead");
  options.Value("-o,--output", "FILE", &given->output, "FILE without .age unless given");
  options.Note("The output appears when all of it is there and authentic.");
  options.Example("millrace decrypt report.parquet.age -i key.txt", "writes report.parquet");
  return [given](Invocation& invocation) { return Decrypt(invocation, *given); };
}

}  // namespace millrace
