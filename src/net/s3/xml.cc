#include "net/s3/xml.h"

#include <aws/common/byte_buf.h>
#include <aws/common/error.h>
#include <aws/common/xml_parser.h>

namespace millrace::s3 {

namespace {

constexpr size_t kMaxDepth = 16;

std::string_view View(aws_byte_cursor cursor) {
  return {reinterpret_cast<const char*>(cursor.ptr), cursor.len};
}

Result<std::string> Unescape(std::string_view raw) {
  if (raw.find('&') == raw.npos) return std::string(raw);
  aws_byte_buf out;
  aws_byte_buf_init(&out, aws_default_allocator(), raw.size());
  int error = aws_byte_buf_append_unescaped_xml(
      aws_default_allocator(), aws_byte_cursor_from_array(raw.data(), raw.size()), &out);
  std::string text(reinterpret_cast<char*>(out.buffer), out.len);
  aws_byte_buf_clean_up(&out);
  if (error) return Status(Code::kUnavailable, "the server's XML has an unknown entity");
  return text;
}

// The parser gives a node either as text or by its children: text that begins a tag has children.
int AddNode(aws_xml_node* node, void* parent) {
  auto* siblings = static_cast<std::vector<Xml>*>(parent);
  Xml& here = siblings->emplace_back();
  std::string_view name = View(aws_xml_node_get_name(node));
  if (size_t colon = name.find(':'); colon != name.npos) name.remove_prefix(colon + 1);
  if (name.ends_with('/')) name.remove_suffix(1);  // <Empty/>
  here.name = name;
  aws_byte_cursor body;
  if (aws_xml_node_as_body(node, &body)) return AWS_OP_ERR;
  here.text = View(body);
  return AWS_OP_SUCCESS;
}

int AddRoot(aws_xml_node* node, void* children) {
  return aws_xml_node_traverse(node, AddNode, children);
}

// Parses `node.text` where it holds tags, with a root around it.
Status Expand(Xml& node, size_t depth) {
  if (node.text.find('<') == node.text.npos) {
    node.text = TRY(Unescape(node.text));
    return Status::Ok();
  }
  if (depth == 0) return Status(Code::kUnavailable, "the server's XML is nested too deeply");
  std::string document = "<r>" + node.text + "</r>";
  aws_xml_parser_options options{};
  options.doc = aws_byte_cursor_from_array(document.data(), document.size());
  options.max_depth = kMaxDepth;
  options.on_root_encountered = AddRoot;
  options.user_data = &node.children;
  if (aws_xml_parse(aws_default_allocator(), &options)) {
    return Status(Code::kUnavailable, "the server's answer is no XML");
  }
  node.text.clear();
  for (Xml& child : node.children) TRY(Expand(child, depth - 1));
  return Status::Ok();
}

}  // namespace

const Xml* Xml::Find(std::string_view child) const {
  for (const Xml& each : children) {
    if (each.name == child) return &each;
  }
  return nullptr;
}

std::string Xml::Text(std::string_view child) const {
  const Xml* found = Find(child);
  return found ? found->text : "";
}

Result<Xml> ParseXml(std::string_view document) {
  std::vector<Xml> roots;
  aws_xml_parser_options options{};
  options.doc = aws_byte_cursor_from_array(document.data(), document.size());
  options.max_depth = kMaxDepth;
  options.on_root_encountered = AddNode;
  options.user_data = &roots;
  if (aws_xml_parse(aws_default_allocator(), &options) || roots.empty()) {
    return Status(Code::kUnavailable, "the server's answer is no XML");
  }
  TRY(Expand(roots.front(), kMaxDepth));
  return std::move(roots.front());
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n': out += "&#10;"; break;
      case '\r': out += "&#13;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace millrace::s3
