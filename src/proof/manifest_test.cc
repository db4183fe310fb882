#include "proof/manifest.h"

#include <gtest/gtest.h>

#include "net/ucan/did.h"

namespace millrace::proof {
namespace {

Manifest Example() {
  Manifest manifest;
  manifest.run = {.id = "20261122T120000-abcdef",
                  .pipeline = "p",
                  .pipeline_file = "pipeline.yml",
                  .state = RunState::kSucceeded,
                  .started = *ParseTime("2026-11-22T12:00:00Z"),
                  .ended = *ParseTime("2026-11-22T12:00:01Z"),
                  .params = {{"year", "2013"}}};
  manifest.program = "millrace 0.1.0";
  manifest.engine = "duckdb v1.5.5";
  manifest.sources = {{"pipeline.yml", 12, std::string(64, 'a'), "bafk"}};
  manifest.tasks = {{.key = "p/t",
                     .state = "succeeded",
                     .commits = {{.sequence = 1, .end = {{"input", "x \"y\" ü"}}}},
                     .checks = {{.check = "not_null(id)", .failed_rows = 3}},
                     .files = {{"input", {"a.csv", 3, std::string(64, 'b'), ""}}}}};
  manifest.tables = {{"silver.t", "id", -1, 0, {{"part-0.parquet", 7, std::string(64, 'c'), ""}}}};
  manifest.contents = {{.task = "p/t",
                        .root = "bafy",
                        .shards = {{"shard", "bag", 4}},
                        .stored = {{"archive", "/a/bafy.car"}}}};
  return manifest;
}

Ed25519Key Signer() { return Ed25519Key::FromSeed(std::string(32, '\x07')); }

TEST(ManifestTest, GoesThereAndBack) {
  std::string text = WriteManifest(Example());
  Result<Manifest> read = ReadManifest(text);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(WriteManifest(*read), text);
  EXPECT_EQ(read->tasks.at(0).commits.at(0).end.at("input"), "x \"y\" ü");

  std::string file = SealManifest(Example(), Signer());
  EXPECT_EQ(file, SealManifest(Example(), Signer()));
  Result<Sealed> sealed = OpenManifest(file);
  ASSERT_TRUE(sealed.ok()) << sealed.status().ToString();
  EXPECT_TRUE(sealed->is_authentic);
  EXPECT_EQ(sealed->key, ucan::Did::OfKey(Signer().public_key()).text());
}

// Whatever byte is another one, it is no manifest any more, or not that signer's.
TEST(ManifestTest, EveryByteIsSigned) {
  std::string file = SealManifest(Example(), Signer());
  for (size_t at = 0; at + 1 < file.size(); ++at) {
    std::string other = file;
    other[at] = static_cast<char>(other[at] ^ 1);
    Result<Sealed> sealed = OpenManifest(other);
    EXPECT_FALSE(sealed.ok() && sealed->is_authentic) << at;
  }
}

TEST(ManifestTest, RefusesWhatMeansHarm) {
  std::string file = SealManifest(Example(), Signer());
  auto with = [&](const std::string& from, const std::string& to) {
    std::string other = file;
    size_t at = other.find(from);
    EXPECT_NE(at, other.npos) << from;
    return other.replace(at, from.size(), to);
  };
  std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  for (const std::string& bad :
       {std::string(), std::string("{}"), std::string("null"), deep, with("{", "{ "),
        with("\"size\":12", "\"size\":1e999"), with("\"size\":12", "\"size\":-12"),
        with("\"size\":12", "\"size\":9223372036854775808"), with("\"size\":12", "\"size\":\"12\""),
        with("\"size\":12", "\"size\":12.5"), with("\"size\":12", "\"size\":12,\"size\":12"),
        with("\"sources\":[", "\"sources\":[{},"), with("\"engine\"", "\"motor\""),
        with("millrace-manifest/1", "millrace-manifest/2"), with("succeeded", "thriving"),
        with("did:key:z", "did:key:y"), file + file,
        "{\"manifest\":" + deep + ",\"signature\":{}}", std::string(kMaxManifest + 10, ' ')}) {
    EXPECT_EQ(OpenManifest(bad).code(), Code::kInvalid) << bad.substr(0, 80);
  }
}

}  // namespace
}  // namespace millrace::proof
