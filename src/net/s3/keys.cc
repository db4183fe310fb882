#include <aws/auth/credentials.h>

#include <condition_variable>
#include <mutex>

#include "net/s3/core.h"

namespace millrace {

namespace {

struct Answer {
  std::mutex mutex;
  std::condition_variable_any changed;
  bool done = false;
  int error = 0;
  S3Keys keys;
};

std::string Text(aws_byte_cursor cursor) {
  return {reinterpret_cast<const char*>(cursor.ptr), cursor.len};
}

void Take(aws_credentials* credentials, int error, void* user) {
  std::unique_ptr<std::shared_ptr<Answer>> answer(static_cast<std::shared_ptr<Answer>*>(user));
  std::lock_guard lock((*answer)->mutex);
  (*answer)->done = true;
  (*answer)->error = error;
  if (!credentials || aws_credentials_is_anonymous(credentials)) {
    (*answer)->changed.notify_all();
    return;
  }
  S3Keys& keys = (*answer)->keys;
  keys.access_key = Text(aws_credentials_get_access_key_id(credentials));
  keys.secret_key = Secret(Text(aws_credentials_get_secret_access_key(credentials)));
  keys.session_token = Secret(Text(aws_credentials_get_session_token(credentials)));
  (*answer)->changed.notify_all();
}

}  // namespace

Result<S3Keys> S3Client::Keys(std::stop_token stop) {
  auto answer = std::make_shared<Answer>();
  auto user = std::make_unique<std::shared_ptr<Answer>>(answer);
  int refused =
      aws_credentials_provider_get_credentials(core_->credentials(), Take, user.get());
  if (refused == 0) user.release();  // Take has it, perhaps already
  std::unique_lock lock(answer->mutex);
  if (refused == 0 && !answer->changed.wait(lock, stop, [&] { return answer->done; }))
    return Canceled();
  int error = refused != 0 ? aws_last_error() : answer->error;
  if (error == 0) return answer->keys;
  return Invalid("no credentials for " + endpoint() + ": " + aws_error_str(error),
                 "give access_key and secret_key, a profile, or the environment's AWS_… variables");
}

}  // namespace millrace
