// DAG-JSON, written only: https://ipld.io/specs/codecs/dag-json/spec/. One way to write each value:
// signatures of UCANs are over this text.
#pragma once

#include <string>

#include "base/status.h"
#include "net/ipld/dag_cbor.h"

namespace millrace::ucan {

// "…" of UTF-8 text, as JSON.stringify writes it.
std::string JsonText(const std::string& text);
// kInvalid: numbers with a fraction, of which there is more than one way to be written; deeper than
// 64; a key twice.
Result<std::string> WriteDagJson(const ipld::Value& value);

}  // namespace millrace::ucan
