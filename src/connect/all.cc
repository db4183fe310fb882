#include "connect/cassandra/cassandra.h"
#include "connect/content/content.h"
#include "connect/file/file.h"
#include "connect/kafka/kafka.h"
#include "connect/landing/landing.h"
#include "connect/postgres/postgres.h"
#include "connect/registry.h"
#include "connect/rest/rest.h"
#include "connect/s3/s3.h"
#include "connect/table/table.h"

namespace millrace {

void RegisterAll(Registry& registry) {
  cassandra::Register(registry);
  content::Register(registry);
  file::Register(registry);
  kafka::Register(registry);
  landing::Register(registry);
  postgres::Register(registry);
  rest::Register(registry);
  s3::Register(registry);
  table::Register(registry);
}

}  // namespace millrace
