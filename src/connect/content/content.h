// Content-addressed storage as sink: storacha, ipfs, and several targets together.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::content {

void Register(Registry& registry);

}  // namespace millrace::content
