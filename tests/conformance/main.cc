#include <gtest/gtest.h>

#include "conformance/crash_child.h"

int main(int count, char** arguments) {
  if (int code = millrace::conformance::RunCrashChild(count, arguments); code >= 0) return code;
  testing::InitGoogleTest(&count, arguments);
  return RUN_ALL_TESTS();
}
