// What a pipeline file says of content that is uploaded: what goes into it, and to which targets.
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "connect/content/delivery.h"
#include "connect/content/targets.h"
#include "connect/file/sink_config.h"
#include "net/age/age.h"
#include "net/ipld/car_writer.h"

namespace millrace {

template <>
struct EnumNames<content::TryOrder> {
  static constexpr std::pair<std::string_view, content::TryOrder> kAll[] = {
      {"order", content::TryOrder::kOrder},
      {"all", content::TryOrder::kAll},
  };
};

namespace content {

// Who can read what is uploaded, in the age format (https://age-encryption.org/v1).
struct EncryptConfig {
  std::vector<std::string> recipients;
  Secret passphrase;
};
Spec<EncryptConfig> EncryptSpec();
Result<std::vector<age::Recipient>> RecipientsOf(const EncryptConfig& config);

// `path`: of rows, the file's name. Files are taken as they are where neither it nor `format` is
// given.
struct UploadConfig : file::SinkConfig {
  bool wrap = true;
  Bytes shard_size{static_cast<int64_t>(ipld::ShardOptions().size)};
  bool keep = false;
  std::optional<EncryptConfig> encrypt;
};

template <std::derived_from<UploadConfig> Config>
void AddUploadFields(Spec<Config>& spec) {
  auto add = FieldsOf<UploadConfig>(spec);
  auto add_file = FieldsOf<file::SinkConfig>(spec);
  add_file("path", &file::SinkConfig::path,
           "Rows become one file of this name. Without it, and without `format`, files are taken "
           "as they are, in their folders.",
           {.example = "words.parquet"});
  add_file("format", &file::SinkConfig::format,
           "Of the rows' file. auto: by the path's ending; files as they are where there is none.");
  add_file("mode", &file::SinkConfig::mode,
           "What an upload holds. replace: all files, or rows, as they are now; append: only what "
           "is new since the last commit. auto: replace.");
  add_file("compression", &file::SinkConfig::compression,
           "Of the rows' file. auto: by the path's ending, .gz or .zst; zstd for Parquet.");
  add_file("header", &file::SinkConfig::header, "Names of the columns in the first line of CSV.");
  add_file("delimiter", &file::SinkConfig::delimiter, "Between the fields of CSV.",
           {.example = "\";\""});
  add_file("null_text", &file::SinkConfig::null_text, "How CSV says null.", {.example = "NA"});
  add("wrap", &UploadConfig::wrap,
      "The root is a folder, also of a single file, so that the file keeps its name.");
  add("shard_size", &UploadConfig::shard_size,
      "CAR files of at most this size are sent: what is sent again when a transfer breaks.",
      {.min = ipld::kMinShardSize, .max = double(uint64_t{4} << 30)});
  add("keep", &UploadConfig::keep,
      "Keep the packed CAR files in the state folder when the upload is safe. They never go "
      "before.");
  using Encrypt = std::optional<EncryptConfig> Config::*;
  spec.Group("encrypt", static_cast<Encrypt>(&UploadConfig::encrypt), EncryptSpec(),
             "Encrypt each file before it is packed, as NAME.age. Public networks are public.");
}

inline bool TakesRows(const UploadConfig& config) {
  return !config.path.empty() || config.format != file::SinkFormat::kAuto;
}
// What AddUploadFields asks of a config.
Status CheckUpload(const UploadConfig& config);
SinkTraits TraitsOfUpload(const UploadConfig& config);

// A sink of that name; relative paths of targets start at the pipeline's folder.
Result<std::unique_ptr<Sink>> MakeUploadSink(std::string connector, const UploadConfig& config,
                                             std::vector<TargetChoice> targets,
                                             DeliveryOptions options, ConnectContext& context);

}  // namespace content
}  // namespace millrace
