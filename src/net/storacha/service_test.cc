#include "net/storacha/service.h"

#include <gtest/gtest.h>

namespace millrace::storacha {
namespace {

// No secret of anybody: of a space and an agent with keys that everybody knows.
constexpr const char* kToken =
    "uY29uZm9ybWFuY2U:uOqJlcm9vdHOB2CpYJQABcRIgPwmYrZpzzGMttG5OPOBhqHCLWwVXGEGpmSDkUwDYDC1ndmVy"
    "c2lvbgGaAgFxEiBvYPxrq-R0lczVO3wTQ1LkH_DOB2MbKMuo8-lijwYbeKdhc1hE7aEDQAtPYGeUWTjUz-AZFdyMI1"
    "ZlEPBtje_Ig8qbJRgCduXmqQ13MAN67PnW9bYynwpMb5cKq6G17in2EIupCLrf2g9hdmUwLjkuMWNhdHSBomNjYW5h"
    "KmR3aXRoeDhkaWQ6a2V5Ono2TWtvbjNOZWNkNk5ra3lmb0dvSHhpZDJ6bkdjNTlMVTNLN211YmFSY0ZiTGZMWGNhdW"
    "RYIu0BWlgXJVRdUzyM_7C2WMdi_YyqIWEi6vzjrfSGxB6eN6NjZXhw9mNpc3NYIu0Biojj3XQJ8ZX9UtstPLpdcspn"
    "Cb8dlBIb83SIAbQPb1xjcHJmgFkBcRIgPwmYrZpzzGMttG5OPOBhqHCLWwVXGEGpmSDkUwDYDC2hanVjYW5AMC45Lj"
    "HYKlglAAFxEiBvYPxrq-R0lczVO3wTQ1LkH_DOB2MbKMuo8-lijwYbeA";

Options TheOptions() { return {.url = "https://up.example.com/", .token = Secret(kToken)}; }

TEST(Storacha, ErrorsSayWhatToDo) {
  const std::pair<const char*, Code> kCodes[] = {{"ServiceUnavailable", Code::kUnavailable},
                                                 {"InsufficientStorage", Code::kExhausted},
                                                 {"Unauthorized", Code::kInvalid},
                                                 {"MalformedCapability", Code::kInvalid},
                                                 {"ShardNotFound", Code::kNotFound},
                                                 {"CandidateUnavailable", Code::kUnavailable},
                                                 {"", Code::kUnavailable}};
  for (const auto& [name, code] : kCodes) {
    ucan::Receipt receipt;
    receipt.error_name = name;
    receipt.error_message = "because\x1b[31m\nof that";
    Status status = StatusOf(receipt);
    EXPECT_EQ(status.code(), code) << name;
    EXPECT_EQ(status.message().find_first_of("\n\x1b"), std::string::npos) << name;
    EXPECT_NE(status.message().find(name), std::string::npos);
  }
}

TEST(Storacha, OptionsAreHeldAgainstWhatTheyMustBe) {
  auto service = Service::Create(TheOptions(), SystemClock(), {});
  ASSERT_TRUE(service.ok()) << service.status().ToString();
  EXPECT_EQ((*service)->did(), "did:web:up.example.com");
  EXPECT_EQ((*service)->space(), "did:key:z6Mkon3Necd6NkkyfoGoHxid2znGc59LU3K7mubaRcFbLfLX");
  EXPECT_EQ((*service)->options().url, "https://up.example.com");
  EXPECT_TRUE((*service)->CheckToken().ok());
  auto code_with = [](auto change) {
    Options options = TheOptions();
    change(options);
    return Service::Create(std::move(options), SystemClock(), {}).code();
  };
  EXPECT_EQ(code_with([](Options& o) { o.token = Secret("x"); }), Code::kInvalid);
  EXPECT_EQ(code_with([](Options& o) { o.url = "ftp://up.example.com"; }), Code::kInvalid);
  EXPECT_EQ(code_with([](Options& o) { o.service_did = "up.example.com"; }), Code::kInvalid);
  EXPECT_EQ(code_with([](Options& o) { o.service_key = "did:web:a.b"; }), Code::kInvalid);
  Options other = TheOptions();
  other.space = "did:key:z6Mko9hTggMwjSTEaJaPUfE6tqcy2xvU6BnNq3e3o8qVBiyH";
  EXPECT_EQ((*Service::Create(other, SystemClock(), {}))->CheckToken().code(), Code::kInvalid);
}

TEST(Storacha, BytesGoNowhereButOverTls) {
  auto service = Service::Create(TheOptions(), SystemClock(), {});
  ASSERT_TRUE(service.ok());
  Status status = (*service)->Put({"http://127.0.0.1:1/x", {}}, "/dev/null", 0, {});
  EXPECT_NE(status.message().find("no address of https"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace millrace::storacha
