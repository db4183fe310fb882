// Every connector that is registered is in the lists, and every entry is registered.
#include <gtest/gtest.h>

#include <set>

#include "conformance/suite.h"
#include "connect/registry.h"

namespace millrace::conformance {
namespace {

TEST(ConformanceLists, HaveEveryConnectorOfTheRegistry) {
  Registry registry;
  RegisterConnectors(registry);
  std::set<std::string> sources, sinks, listed_sources, listed_sinks;
  for (const Registry::Entry* entry : registry.All()) {
    if (entry->source) sources.insert(entry->name);
    if (entry->sink) sinks.insert(entry->name);
  }
  for (const SourceKind& kind : SourceKinds()) listed_sources.insert(kind.connector);
  for (const SinkKind& kind : SinkKinds()) listed_sinks.insert(kind.connector);
  EXPECT_EQ(listed_sources, sources);
  EXPECT_EQ(listed_sinks, sinks);
}

TEST(ConformanceLists, TraitsSayWhatTheEntriesSay) {
  Registry registry;
  RegisterConnectors(registry);
  for (const SinkKind& kind : SinkKinds()) {
    Diagnostics diagnostics;
    auto parsed = registry.Find(kind.connector)
                      ->parse_sink(ParseYaml(kind.config, kind.label, diagnostics), diagnostics);
    ASSERT_TRUE(parsed.has_value()) << diagnostics.ToString();
    EXPECT_EQ(parsed->traits.replaces, kind.replaces) << kind.label;
  }
}

}  // namespace
}  // namespace millrace::conformance
