// Objects of an S3 bucket, as source.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::s3 {

void Register(Registry& registry);

}  // namespace millrace::s3
