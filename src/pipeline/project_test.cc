#include "pipeline/project.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "pipeline/fake_connectors.h"

namespace millrace {
namespace {

using testing::Folder;

class ProjectTest : public ::testing::Test {
 protected:
  Project Load(const std::string& environment = "") {
    Diagnostics diagnostics;
    Project project = LoadProject(folder_.path(), environment, diagnostics);
    told_ = diagnostics.ToString();
    std::string prefix = folder_.path() + "/";
    for (size_t at = told_.find(prefix); at != std::string::npos; at = told_.find(prefix))
      told_.erase(at, prefix.size());
    if (told_.ends_with("\n")) told_.pop_back();
    return project;
  }

  Folder folder_{"millrace-project-test"};
  std::string told_;
};

TEST_F(ProjectTest, AllOfItHasDefaults) {
  Project project = Load();
  EXPECT_EQ(told_, "");
  EXPECT_EQ(project.folder, folder_.path());
  EXPECT_EQ(project.file, "");
  EXPECT_EQ(project.Absolute(project.lake.path), folder_.path() + "/lake");
  EXPECT_EQ(project.store.path, ".millrace/millrace.db");
}

TEST_F(ProjectTest, IsFoundFromBelow) {
  folder_.Write("millrace.yml",
                "lake: /data/lake\nengine: {memory_limit: 512MB, threads: 3}\nparallel: 2\n");
  folder_.Write("pipelines/orders/pipeline.yml", "name: buy\n");
  folder_.Write("pipeline.yml", "name: alone\n");
  Diagnostics diagnostics;
  Project project = LoadProject(folder_.path() + "/pipelines/orders/pipeline.yml", "", diagnostics);
  EXPECT_EQ(project.folder, folder_.path());
  EXPECT_EQ(project.Absolute(project.lake.path), "/data/lake");
  EXPECT_EQ(project.engine.memory_limit, "512MB");
  EXPECT_EQ(project.engine.threads, 3);
  EXPECT_EQ(project.parallel, 2);
  std::string orders = folder_.path() + "/pipelines/orders/pipeline.yml";
  EXPECT_EQ(FindPipelines(project),
            (std::vector<std::string>{folder_.path() + "/pipeline.yml", orders}));
  for (const char* name : {"buy", "orders"})
    EXPECT_EQ(ResolvePipeline(project, name).value(), orders);
  EXPECT_EQ(ResolvePipeline(project, orders).value(), orders);
  EXPECT_EQ(ResolvePipeline(project, folder_.path() + "/pipelines/orders").value(), orders);
  Status missing = ResolvePipeline(project, "bui").status();
  EXPECT_EQ(missing.code(), Code::kNotFound);
  EXPECT_EQ(missing.ToString(), "there is no pipeline 'bui' (did you mean 'buy'?)");
}

TEST_F(ProjectTest, TheStrongerVariableWins) {
  setenv("MILLRACE_TEST_PROCESS", "process", 1);
  folder_.Write(
      "millrace.yml",
      "vars: {A: vars, B: vars, MILLRACE_TEST_PROCESS: vars, D: '${B}+${MILLRACE_TEST_PROCESS}'}\n"
      "environments: {dev: {vars: {A: dev}, lake: {path: 'lake-${A}'}}, prod: }\n");
  folder_.Write(".env", "B=dotenv\nMILLRACE_TEST_PROCESS=dotenv\n");
  Project project = Load();
  EXPECT_EQ(told_, "");
  auto& variables = project.values.variables;
  EXPECT_EQ(variables["A"], "vars");
  EXPECT_EQ(variables["B"], "dotenv");
  EXPECT_EQ(variables["MILLRACE_TEST_PROCESS"], "process");
  EXPECT_EQ(variables["D"], "dotenv+process");
  EXPECT_EQ(project.lake.path, "lake");
  Project dev = Load("dev");
  EXPECT_EQ(dev.values.variables["A"], "dev");
  EXPECT_EQ(dev.lake.path, "lake-dev");
  EXPECT_EQ(Load("prod").lake.path, "lake");
  setenv("MILLRACE_ENV", "dev", 1);
  EXPECT_EQ(Load().lake.path, "lake-dev");
  EXPECT_EQ(Load("prod").lake.path, "lake");
  unsetenv("MILLRACE_ENV");
  unsetenv("MILLRACE_TEST_PROCESS");
}

TEST_F(ProjectTest, TellsEveryMistake) {
  folder_.Write("millrace.yml",
                "lak: x\nengine: {threads: many}\nenvironments:\n  dev: {lake: {pat: x}}\n  prod: "
                "{store: 5}\n");
  Load("prd");
  EXPECT_EQ(told_,
            "millrace.yml:1:1: unknown field 'lak' in project; did you mean 'lake'?\n"
            "millrace.yml:2:19: 'threads' must be a whole number, not 'many'\n"
            "millrace.yml:4:3: unknown environment 'prd'; did you mean 'prod'?\n"
            "millrace.yml:4:16: unknown field 'pat' in lake; did you mean 'path'?");
}

TEST_F(ProjectTest, SecretsComeFromTheEnvironmentAndAPrivateFile) {
  std::string file = folder_.Write(".millrace/secrets.yml", "crm: s3cret\nother: x\n");
  chmod(file.c_str(), 0644);
  Load();
  EXPECT_EQ(told_,
            ".millrace/secrets.yml: others may read the secrets file; run `chmod 600 "
            ".millrace/secrets.yml`");
  chmod(file.c_str(), 0600);
  setenv("MILLRACE_SECRET_OTHER", "from the environment", 1);
  Project project = Load();
  unsetenv("MILLRACE_SECRET_OTHER");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(project.values.secrets["crm"].Reveal(), "s3cret");
  EXPECT_EQ(project.values.secrets["other"].Reveal(), "from the environment");
  EXPECT_FALSE(project.values.variables.contains("MILLRACE_SECRET_OTHER"));
}

TEST_F(ProjectTest, SecretsStandInAPrivateDotEnvToo) {
  std::string file =
      folder_.Write(".env", "A=1\nMILLRACE_SECRET_CRM=s3cret\nMILLRACE_SECRET_OTHER=x\n");
  chmod(file.c_str(), 0644);
  Load();
  EXPECT_EQ(told_, ".env: others may read the secrets in it; run `chmod 600 .env`");
  chmod(file.c_str(), 0600);
  chmod(folder_.Write(".millrace/secrets.yml", "crm: weaker\n").c_str(), 0600);
  setenv("MILLRACE_SECRET_OTHER", "from the environment", 1);
  Project project = Load();
  unsetenv("MILLRACE_SECRET_OTHER");
  EXPECT_EQ(told_, "");
  EXPECT_EQ(project.values.secrets["crm"].Reveal(), "s3cret");
  EXPECT_EQ(project.values.secrets["other"].Reveal(), "from the environment");
  EXPECT_EQ(project.values.variables["A"], "1");
  EXPECT_FALSE(project.values.variables.contains("MILLRACE_SECRET_CRM"));
}

TEST_F(ProjectTest, TheLakeAloneNeedsNoOtherSecrets) {
  folder_.Write("millrace.yml",
                "lake: {path: x, connection: store}\n"
                "manifests: {key: \"${secret:signing}\"}\n"
                "connections:\n"
                "  store: {s3: {endpoint: e}}\n"
                "  crm: {postgres: {password: \"${secret:crm}\"}}\n");
  Load();
  EXPECT_NE(told_.find("undefined secret 'signing'"), told_.npos) << told_;
  Diagnostics diagnostics;
  Project project = LoadProject(folder_.path(), "", diagnostics, ProjectPart::kLake);
  EXPECT_EQ(diagnostics.ToString(), "");
  EXPECT_EQ(project.lake.path, "x");
  EXPECT_NE(project.connections.Find("store"), nullptr);
}

}  // namespace
}  // namespace millrace
