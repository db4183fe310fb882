#include "connect/registry.h"

namespace millrace {

Registry::Entry& Registry::At(const std::string& name) {
  Entry& entry = entries_[name];
  entry.name = name;
  return entry;
}

const Registry::Entry* Registry::Find(std::string_view name) const {
  auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

std::vector<const Registry::Entry*> Registry::All() const {
  std::vector<const Entry*> all;
  for (const auto& [name, entry] : entries_) all.push_back(&entry);
  return all;
}

}  // namespace millrace
