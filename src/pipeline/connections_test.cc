#include "pipeline/connections.h"

#include <gtest/gtest.h>

#include "pipeline/fake_connectors.h"

namespace millrace {
namespace {

struct Server {
  std::string host;
  int64_t port = 80;
  Secret password;
};
struct Rows : Server {
  std::string connection, table;
};

std::string made;  // what the last source was made of

Result<std::unique_ptr<Source>> MakeRows(const Rows& rows, ConnectContext&) {
  made = rows.host + ":" + std::to_string(rows.port) + "/" + rows.table;
  return Invalid("seen");
}

Registry Servers() {
  Registry registry = testing::FakeRegistry();
  auto server = Spec<Server>("connection 'db'", "A server.");
  server.Field("host", &Server::host, "Host.", {.required = true})
      .Field("port", &Server::port, "Port.", {.min = 1});
  registry.AddConnection<Server>("db", server, [](const Server& db, std::stop_token) {
    return Result<std::string>("reached " + db.host);
  });
  auto rows = Spec<Rows>("source 'db'", "Rows of a server.");
  rows.Field("connection", &Rows::connection, kConnectionHelp)
      .Field("host", static_cast<std::string Rows::*>(&Rows::host), "Host.", {.required = true})
      .Field("port", static_cast<int64_t Rows::*>(&Rows::port), "Port.", {.min = 1})
      .Field("table", &Rows::table, "Table.");
  registry.AddSource<Rows>("db", rows, MakeRows);
  return registry;
}

YamlNode Yaml(const std::string& text, const std::string& file = "millrace.yml") {
  Diagnostics diagnostics;
  return ParseYaml(text, file, diagnostics);
}

std::vector<std::string> Lines(const Diagnostics& diagnostics) {
  std::vector<std::string> lines;
  for (const Diagnostic& each : diagnostics.Sorted()) {
    lines.push_back(each.place.file + ":" + std::to_string(each.place.line) + ":" +
                    std::to_string(each.place.column) + " " + each.message + " | " + each.hint);
  }
  return lines;
}

TEST(Connections, FieldsOfAConnectionNeedNotBeWrittenAgain) {
  Registry registry = Servers();
  Diagnostics diagnostics;
  Connections connections(Yaml("crm: {db: {host: h, port: 7}}"), registry, diagnostics);
  const Registry::Entry& db = *registry.Find("db");
  for (const auto& [own, whole] :
       {std::pair("{connection: crm, table: t}", "h:7/t"),
        std::pair("{connection: crm, table: t, port: 9}", "h:9/t"),  // its own are stronger
        std::pair("{host: x, table: t}", "x:80/t")}) {
    auto node = connections.Apply(db, Yaml(own), diagnostics);
    ASSERT_TRUE(node);
    auto source = db.parse_source(*node, diagnostics);
    ASSERT_TRUE(source);
    alignas(ConnectContext) std::byte unused[sizeof(ConnectContext)];
    (void)source->make(reinterpret_cast<ConnectContext&>(unused));
    EXPECT_EQ(made, whole);
  }
  EXPECT_EQ(Lines(diagnostics), std::vector<std::string>{});
}

TEST(Connections, EveryFaultIsTold) {
  Registry registry = Servers();
  Diagnostics diagnostics;
  Connections connections(Yaml("a: {db: {port: 0, hots: h}}\n"
                               "b: {dbb: {host: h}}\n"
                               "c: {file: {path: x}}\n"
                               "d: host\n"
                               "e: {db: {host: h}, file: x}\n"),
                          registry, diagnostics);
  EXPECT_EQ(Lines(diagnostics).size(), 7u);  // `a` has three
  Diagnostics using_it;
  const Registry::Entry& db = *registry.Find("db");
  EXPECT_FALSE(connections.Apply(db, Yaml("{connection: a}"), using_it));
  EXPECT_EQ(Lines(using_it), std::vector<std::string>{});  // told where it is declared
  EXPECT_FALSE(connections.Apply(db, Yaml("{connection: aa}", "p.yml"), using_it));
  EXPECT_EQ(Lines(using_it),
            std::vector<std::string>{
                "p.yml:1:14 there is no connection 'aa' | did you mean 'a'?"});
}

}  // namespace
}  // namespace millrace
