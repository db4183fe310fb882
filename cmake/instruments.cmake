# What the presets asan-ubsan, tsan and coverage switch on. The engine's library comes built: it is never
# instrumented. Fuzzers are built by tests/fuzz/run.
set(MILLRACE_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(MILLRACE_COVERAGE "Count executed lines" OFF)

if(MILLRACE_SANITIZE)
  # -O1: the golden tests run whole pipelines. A finding ends the program.
  add_compile_options(-O1 -g1 -fno-omit-frame-pointer -fsanitize=${MILLRACE_SANITIZE}
                      -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${MILLRACE_SANITIZE})
endif()
if(MILLRACE_COVERAGE)
  # atomic: tasks run on several threads, and a count must not be lost.
  add_compile_options(-O0 -g1 --coverage -fprofile-update=atomic)
  add_link_options(--coverage)
  add_compile_definitions(MILLRACE_COVERAGE)
endif()
