#include "connect/s3/config.h"
#include "net/s3/storage_s3.h"

namespace millrace::s3 {

namespace {

Result<ObjectStore> StoreOf(S3Client& client, const std::string& scope, std::stop_token stop) {
  const S3Options& options = client.options();
  S3Keys keys = TRY(client.Keys(stop));
  return ObjectStore{.scope = scope,
                     .endpoint = options.endpoint,
                     .region = options.region,
                     .path_style = options.path_style.value_or(!options.endpoint.empty()),
                     .access_key = std::move(keys.access_key),
                     .secret_key = std::move(keys.secret_key),
                     .session_token = std::move(keys.session_token),
                     .ca_file = options.ca_file};
}

}  // namespace

Result<Registry::OpenStorage> OpenStorages(const ServerConfig& config) {
  std::shared_ptr<S3Client> client = TRY(OpenS3(OptionsOf(config)));
  return Registry::OpenStorage(
      [client](const StoragePlace& place, std::stop_token stop) -> Result<OpenedStorage> {
        Place at = TRY(PlaceOf(place.uri, ""));
        while (at.key.ends_with('/')) at.key.pop_back();
        OpenedStorage opened;
        S3StorageOptions options{.bucket = at.bucket,
                                 .prefix = at.key,
                                 .local_folder = place.local_folder,
                                 .create_bucket = place.create,
                                 .copies = place.copies};
        opened.storage = OpenS3Storage(client, std::move(options), stop);
        // With a slash: s3://a is not to mean s3://ab, too.
        std::string scope = opened.storage->Uri("") + "/";
        opened.store = [client, scope, stop] { return StoreOf(*client, scope, stop); };
        return opened;
      });
}

}  // namespace millrace::s3
