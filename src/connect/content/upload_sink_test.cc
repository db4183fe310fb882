#include "connect/content/upload_sink.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "connect/content/targets.h"
#include "connect/test_lake.h"

namespace millrace::content {
namespace {

namespace fs = std::filesystem;

// What the targets of a test do, and what was asked of them. Takes nothing durably: the strategy is
// under test, not storage.
struct Script {
  std::map<std::string, Status> answers;  // of those that refuse
  std::vector<std::string> asked;
};

class ScriptedTarget final : public Target {
 public:
  ScriptedTarget(std::string name, Script& script) : name_(std::move(name)), script_(script) {}
  std::string Name() const override { return name_; }
  Status Probe(std::stop_token) override { return Answer(); }
  Result<Stored> Store(const ipld::Shards& content, Journal& journal, std::stop_token) override {
    for (const ipld::ShardFile& shard : content.shards) {
      if (!fs::exists(shard.path)) return NotFound(shard.path);
    }
    script_.asked.push_back(name_);
    TRY(Answer());
    TRY(journal.Record("did", "it"));
    return Stored{.where = "at " + name_, .links = {"ipfs://" + content.root.Text()}};
  }
  Result<std::string> Verify(const ipld::Shards&, Journal& journal, std::stop_token) override {
    return journal.Find("did") ? Result<std::string>("did " + *journal.Find("did"))
                               : Result<std::string>(NotFound("nothing"));
  }

 private:
  Status Answer() const {
    auto found = script_.answers.find(name_);
    return found == script_.answers.end() ? Status::Ok() : found->second;
  }

  const std::string name_;
  Script& script_;
};

class UploadSinkTest : public ConnectTest {
 protected:
  std::unique_ptr<UploadSink> Sink(const std::vector<std::string>& names, DeliveryOptions options) {
    context_ = std::make_unique<ConnectContext>(Context("p/t"));
    std::vector<TargetChoice> choices;
    for (const std::string& name : names) {
      choices.push_back({name, name, [this, name](ConnectContext&) {
                           return Result<std::unique_ptr<Target>>(
                               std::make_unique<ScriptedTarget>(name, script_));
                         }});
    }
    return std::make_unique<UploadSink>("decentralized", UploadConfig(), std::move(choices),
                                        options, *context_);
  }
  // One commit of the file, as run/ makes it.
  Status Put(UploadSink& sink, const std::string& text, int64_t sequence) {
    std::string path = ConnectTest::Put("in/a.txt", text);
    Time now{std::chrono::seconds(sequence)};
    TRY(sink.Open({}, {.id = {"p/t", sequence}, .now = now}, {}));
    TRY(sink.TakeFiles({{{.path = path}}}, {}));
    return sink.Commit({{"p/t", sequence}, "position " + std::to_string(sequence), now}, {});
  }
  std::vector<Upload> Uploads() { return *Upload::All(context_->state_folder); }

  Script script_;
  std::unique_ptr<ConnectContext> context_;
};

const Status kAway(Code::kUnavailable, "no answer"), kDenied(Code::kInvalid, "no permission");
using Names = std::vector<std::string>;

TEST_F(UploadSinkTest, InOrderUntilEnoughHaveIt) {
  script_.answers = {{"a", kDenied}};
  auto sink = Sink({"a", "b", "c"}, {});
  Status status = Put(*sink, "x", 1);
  ASSERT_TRUE(status.ok()) << status.ToString();
  EXPECT_EQ(script_.asked, (Names{"a", "b"}));
  ASSERT_EQ(Uploads().size(), 1u);
  EXPECT_TRUE(Uploads()[0].done());
  EXPECT_FALSE(Uploads()[0].has_shards());
  std::vector<OutputRecord> outputs = *sink->Outputs({"p/t", 1});
  ASSERT_EQ(outputs.size(), 3u);  // a root, a shard, an index
  EXPECT_EQ(outputs[0].target, "b");
  EXPECT_EQ(outputs[0].location, "at b");
  EXPECT_EQ(outputs[0].files, 1);
  EXPECT_EQ(outputs[0].size, 1);
}

TEST_F(UploadSinkTest, AllAreTried) {
  script_.answers = {{"a", kAway}};
  auto sink = Sink({"a", "b", "c"}, {.require = 2, .order = TryOrder::kAll});
  ASSERT_TRUE(Put(*sink, "x", 1).ok());
  std::ranges::sort(script_.asked);
  EXPECT_EQ(script_.asked, (Names{"a", "b", "c"}));
}

TEST_F(UploadSinkTest, ItWaitsAndGoesOn) {
  script_.answers = {{"b", kAway}, {"c", kDenied}};
  auto sink = Sink({"a", "b", "c"}, {.require = 2});
  Status status = Put(*sink, "x", 1);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("stored at 1 of the 2"), std::string::npos) << status.message();
  EXPECT_NE(status.message().find(Uploads()[0].folder()), std::string::npos) << status.message();
  EXPECT_NE(status.hint().find("millrace uploads retry"), std::string::npos) << status.hint();
  EXPECT_FALSE(Uploads()[0].done());
  EXPECT_TRUE(Uploads()[0].has_shards());
  EXPECT_EQ(*sink->LastCommit("p/t", {}), std::nullopt);

  script_ = {};
  sink = Sink({"a", "b", "c"}, {.require = 2});  // another process
  ASSERT_TRUE(Put(*sink, "x", 1).ok());
  EXPECT_EQ(script_.asked, Names{"b"});  // a has it already
  EXPECT_EQ((*sink->LastCommit("p/t", {}))->position, "position 1");
  EXPECT_EQ(Uploads().size(), 1u);
}

TEST_F(UploadSinkTest, NobodyCanEverTakeIt) {
  script_.answers = {{"a", kDenied}};
  auto sink = Sink({"a"}, {});
  EXPECT_EQ(Put(*sink, "x", 1).code(), Code::kInvalid);
  EXPECT_TRUE(Uploads()[0].has_shards());
}

TEST_F(UploadSinkTest, WhatOthersPlannedStays) {
  script_.answers = {{"a", kAway}};
  auto sink = Sink({"a"}, {});
  EXPECT_FALSE(Put(*sink, "x", 1).ok());
  script_ = {};
  // The interval was planned anew, with another content under the same number.
  std::string path = ConnectTest::Put("in/a.txt", "y");
  Time later(std::chrono::seconds(99));
  ASSERT_TRUE(sink->Open({}, {.id = {"p/t", 1}, .now = later}, {}).ok());
  ASSERT_TRUE(sink->TakeFiles({{{.path = path}}}, {}).ok());
  ASSERT_TRUE(sink->Commit({{"p/t", 1}, "", later}, {}).ok());
  ASSERT_EQ(Uploads().size(), 2u);
  EXPECT_TRUE(Uploads()[0].has_shards()) << "the first content is lost";
  EXPECT_TRUE(Uploads()[1].done());
}

TEST_F(UploadSinkTest, AFileThatIsAnotherThanItsSourceSaidIsNotTaken) {
  auto sink = Sink({"a"}, {});
  std::string path = ConnectTest::Put("in/a.txt", "x");
  ASSERT_TRUE(sink->Open({}, {.id = {"p/t", 1}}, {}).ok());
  auto taken = sink->TakeFiles({{{.path = path, .size = 2}}}, {});
  EXPECT_EQ(taken.code(), Code::kUnavailable) << taken.status().ToString();
}

TEST_F(UploadSinkTest, KeptWhenAsked) {
  auto sink = Sink({"a"}, {.keep = true});
  ASSERT_TRUE(Put(*sink, "x", 1).ok());
  EXPECT_TRUE(Uploads()[0].done());
  EXPECT_TRUE(Uploads()[0].has_shards());
  auto verdicts = sink->delivery().Verify(*std::make_unique<Upload>(std::move(Uploads()[0])), {});
  ASSERT_EQ(verdicts.size(), 1u);
  EXPECT_EQ(*verdicts[0].found, "did it");
}

TEST_F(UploadSinkTest, DamagedShardsAreNotSent) {
  script_.answers = {{"a", kAway}};
  auto sink = Sink({"a"}, {});
  EXPECT_FALSE(Put(*sink, "x", 1).ok());
  std::string shard = Uploads()[0].info().content.shards[0].path;
  fs::resize_file(shard, fs::file_size(shard) - 1);
  std::vector<Status> damaged;
  EXPECT_TRUE(Upload::All(context_->state_folder, &damaged)->empty());
  ASSERT_EQ(damaged.size(), 1u);
  EXPECT_NE(damaged[0].message().find(shard), std::string::npos) << damaged[0].message();
  script_ = {};
  ASSERT_TRUE(Put(*sink, "x", 1).ok()) << "packed anew";
}

TEST(NamesBelowRoot, AreBelowTheDeepestFolderOfAll) {
  EXPECT_EQ(*NamesBelowRoot({"/a/b/c.txt"}), Names{"c.txt"});
  EXPECT_EQ(*NamesBelowRoot({"/a/b/c.txt", "/a/b/d/e.txt"}), (Names{"c.txt", "d/e.txt"}));
  EXPECT_EQ(*NamesBelowRoot({"/a/bc/x", "/a/bd/x"}), (Names{"bc/x", "bd/x"}));
  EXPECT_EQ(*NamesBelowRoot({"s3://k/a/x", "s3://k/b"}), (Names{"a/x", "b"}));
  EXPECT_EQ(NamesBelowRoot({"/a/x", "/a/x"}).code(), Code::kInvalid);
}

}  // namespace
}  // namespace millrace::content
