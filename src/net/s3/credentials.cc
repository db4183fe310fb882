#include <aws/auth/credentials.h>
#include <aws/io/tls_channel_handler.h>

#include "net/s3/core.h"

namespace millrace::s3 {

namespace {

// Nothing for an empty text: that the library takes for a value, too.
aws_byte_cursor Cursor(std::string_view text) {
  if (text.empty()) return {};
  return aws_byte_cursor_from_array(text.data(), text.size());
}

aws_credentials_provider* OpenStatic(const S3Options& options) {
  aws_credentials_provider_static_options given{};
  given.access_key_id = Cursor(options.access_key);
  given.secret_access_key = Cursor(options.secret_key.Reveal());
  given.session_token = Cursor(options.session_token.Reveal());
  return aws_credentials_provider_new_static(aws_default_allocator(), &given);
}

aws_credentials_provider* OpenProfile(const S3Options& options, aws_tls_ctx* tls) {
  aws_credentials_provider_profile_options profile{};
  profile.profile_name_override = Cursor(options.profile);
  profile.bootstrap = Bootstrap();
  profile.tls_ctx = tls;
  return aws_credentials_provider_new_profile(aws_default_allocator(), &profile);
}

aws_credentials_provider* OpenWebIdentity(const S3Options& options, aws_tls_ctx* tls) {
  aws_credentials_provider_sts_web_identity_options identity{};
  identity.bootstrap = Bootstrap();
  identity.tls_ctx = tls;
  identity.region = Cursor(options.region);
  identity.profile_name_override = Cursor(options.profile);
  return aws_credentials_provider_new_sts_web_identity(aws_default_allocator(), &identity);
}

aws_credentials_provider* OpenChain(const S3Options& options, aws_tls_ctx* tls) {
  aws_credentials_provider_chain_default_options chain{};
  chain.bootstrap = Bootstrap();
  chain.tls_ctx = tls;
  chain.profile_name_override = Cursor(options.profile);
  return aws_credentials_provider_new_chain_default(aws_default_allocator(), &chain);
}

aws_credentials_provider* Make(const S3Options& options, aws_tls_ctx* tls) {
  switch (options.credentials) {
    case S3Credentials::kStatic: return OpenStatic(options);
    case S3Credentials::kProfile: return OpenProfile(options, tls);
    case S3Credentials::kWebIdentity: return OpenWebIdentity(options, tls);
    case S3Credentials::kAuto:
      return options.access_key.empty() ? OpenChain(options, tls) : OpenStatic(options);
    case S3Credentials::kEnvironment: {
      aws_credentials_provider_environment_options none{};
      return aws_credentials_provider_new_environment(aws_default_allocator(), &none);
    }
    case S3Credentials::kAnonymous:
      return aws_credentials_provider_new_anonymous(aws_default_allocator(), nullptr);
  }
  return nullptr;
}

}  // namespace

Result<CredentialsProvider> OpenCredentials(const S3Options& options, aws_tls_ctx* tls) {
  CredentialsProvider provider(Make(options, tls));
  if (provider) return provider;
  if (options.credentials == S3Credentials::kProfile) {
    std::string name =
        options.profile.empty() ? "the default profile" : "profile '" + options.profile + "'";
    return Invalid("cannot read " + name + " of ~/.aws/config and ~/.aws/credentials",
                   "'aws configure list-profiles' names those that are there");
  }
  if (options.credentials == S3Credentials::kWebIdentity) {
    return Invalid(
        "web identity needs AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN in the environment");
  }
  return Invalid(std::string("cannot set up the credentials: ") + aws_error_str(aws_last_error()));
}

}  // namespace millrace::s3
