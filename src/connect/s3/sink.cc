#include <utility>

#include "connect/file/rows_to_files.h"
#include "connect/s3/config.h"
#include "net/s3/storage_s3.h"

namespace millrace::s3 {

Result<std::unique_ptr<Sink>> MakeSink(const SinkConfig& config, ConnectContext& context) {
  Place at = TRY(PlaceOf(config.path, config.bucket));
  size_t slash = at.key.rfind('/');
  std::string folder = slash == at.key.npos ? "" : at.key.substr(0, slash);
  std::shared_ptr<S3Client> client = TRY(OpenS3(OptionsOf(config)));
  file::FilesPlace place{.connector = "s3",
                         .name = slash == at.key.npos ? at.key : at.key.substr(slash + 1),
                         .unfinished = config.abort_uploads_after};
  place.storage =
      OpenS3Storage(client, {at.bucket, folder, context.state_folder}, place.stop.get_token());
  place.probe = [client, bucket = at.bucket](std::stop_token stop) {
    return client->HeadBucket(bucket, std::move(stop));
  };
  return file::WriteFiles(file::Decided(config), std::move(place), context);
}

}  // namespace millrace::s3
