// S3: objects of a bucket as source and as sink, and buckets for a lake to live on.
#pragma once

namespace millrace {
class Registry;
}

namespace millrace::s3 {

void Register(Registry& registry);

}  // namespace millrace::s3
