// Host names → addresses, so that libpq, which would wait for them without an end, need not.
// Internal to net/postgres.
#pragma once

#include <map>
#include <stop_token>
#include <string>

#include "base/status.h"
#include "base/time.h"

namespace millrace::pg {

// Adds `hostaddr` to libpq's parameters where `host` is one name; leaves addresses, sockets and
// lists of hosts as they are.
Status ResolveHost(std::map<std::string, std::string>& parameters, const std::string& place,
                   Micros longest, std::stop_token stop);

}  // namespace millrace::pg
