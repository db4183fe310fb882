// The XML of S3's answers, as a tree; names without regard to namespaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace millrace::s3 {

struct Xml {
  std::string name;
  std::string text;  // unescaped; empty where there are children
  std::vector<Xml> children;

  // The first child of that name, or nullptr.
  const Xml* Find(std::string_view child) const;
  // Its text, or "".
  std::string Text(std::string_view child) const;
};

Result<Xml> ParseXml(std::string_view document);
std::string EscapeXml(std::string_view text);

}  // namespace millrace::s3
