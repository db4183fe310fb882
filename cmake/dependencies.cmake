# Libraries of the system, and those of the pinned folder.
find_package(fmt REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(Threads REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CURL REQUIRED)
find_package(PostgreSQL REQUIRED)  # libpq
find_package(SQLite3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(date REQUIRED)

find_library(YAML_LIBRARY yaml REQUIRED)
add_library(yaml INTERFACE)
target_link_libraries(yaml INTERFACE ${YAML_LIBRARY})

find_library(ISAL_LIBRARY isal REQUIRED)
add_library(isal INTERFACE)
target_link_libraries(isal INTERFACE ${ISAL_LIBRARY})

find_library(ZSTD_LIBRARY zstd REQUIRED)
add_library(zstd INTERFACE)
target_link_libraries(zstd INTERFACE ${ZSTD_LIBRARY})

find_library(SIMDJSON_LIBRARY simdjson REQUIRED)
add_library(simdjson INTERFACE)
target_link_libraries(simdjson INTERFACE ${SIMDJSON_LIBRARY})

# librdkafka: static, built beside MILLRACE_DEPS once.
cmake_path(GET MILLRACE_DEPS PARENT_PATH rdkafka_root)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/librdkafka)
execute_process(COMMAND ${CMAKE_COMMAND} -E env MILLRACE_DEPS=${rdkafka_root} ${CMAKE_SOURCE_DIR}/tools/librdkafka
                OUTPUT_VARIABLE rdkafka_folder OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(rdkafka STATIC IMPORTED)
set_target_properties(rdkafka PROPERTIES IMPORTED_LOCATION ${rdkafka_folder}/lib/librdkafka.a)
set(RDKAFKA_INCLUDE ${rdkafka_folder}/include)  # of net/kafka/ only
target_link_libraries(rdkafka INTERFACE OpenSSL::SSL ${ZSTD_LIBRARY} ZLIB::ZLIB Threads::Threads ${CMAKE_DL_LIBS} m)

# DuckDB: its library travels beside the program, in lib/.
set(DUCKDB_LIBRARY ${CMAKE_BINARY_DIR}/lib/libduckdb.so)
configure_file(${MILLRACE_DEPS}/lib/libduckdb.so ${DUCKDB_LIBRARY} COPYONLY)
add_library(duckdb SHARED IMPORTED)
set_target_properties(duckdb PROPERTIES
  IMPORTED_LOCATION ${DUCKDB_LIBRARY}
  IMPORTED_NO_SONAME ON
  INTERFACE_INCLUDE_DIRECTORIES ${MILLRACE_DEPS}/include)

# Its extensions are found beside the library; each is loaded only when something needs it.
if(EXISTS ${MILLRACE_DEPS}/extensions)
  file(COPY ${MILLRACE_DEPS}/extensions DESTINATION ${CMAKE_BINARY_DIR}/lib)
endif()

# nanoarrow: its few C files, with the configured header.
set(NANOARROW_VERSION 0.9.0)
set(NANOARROW_VERSION_MAJOR 0)
set(NANOARROW_VERSION_MINOR 9)
set(NANOARROW_VERSION_PATCH 0)
set(NANOARROW_NAMESPACE_DEFINE "#define NANOARROW_NAMESPACE MillraceArrow")
set(nanoarrow_source ${MILLRACE_DEPS}/nanoarrow/src)
configure_file(${nanoarrow_source}/nanoarrow/nanoarrow_config.h.in
               ${CMAKE_BINARY_DIR}/nanoarrow/nanoarrow/nanoarrow_config.h)
add_library(nanoarrow STATIC
  ${nanoarrow_source}/nanoarrow/common/array.c
  ${nanoarrow_source}/nanoarrow/common/array_stream.c
  ${nanoarrow_source}/nanoarrow/common/schema.c
  ${nanoarrow_source}/nanoarrow/common/utils.c)
target_include_directories(nanoarrow SYSTEM PUBLIC ${nanoarrow_source} ${CMAKE_BINARY_DIR}/nanoarrow)
target_compile_options(nanoarrow PRIVATE -w)

# The S3 client: AWS's C libraries, static.
list(APPEND CMAKE_PREFIX_PATH ${MILLRACE_DEPS}/aws)
set(S2N_USE_CRYPTO_SHARED_LIBS ON)  # one OpenSSL in the process: the system's
set(AWS_USE_CRYPTO_SHARED_LIBS ON)
find_package(aws-c-s3 REQUIRED)
add_library(aws_s3 INTERFACE)
target_link_libraries(aws_s3 INTERFACE AWS::aws-c-s3)

# The CQL client: ours, in Rust (src/net/cassandra/driver), static; built beside MILLRACE_DEPS once for
# its sources.
set(cassandra_driver ${CMAKE_SOURCE_DIR}/src/net/cassandra/driver)
file(GLOB cassandra_sources CONFIGURE_DEPENDS ${cassandra_driver}/Cargo.* ${cassandra_driver}/src/*.rs)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${cassandra_sources})
cmake_path(GET MILLRACE_DEPS PARENT_PATH deps_root)
execute_process(COMMAND ${CMAKE_COMMAND} -E env MILLRACE_DEPS=${deps_root} ${CMAKE_SOURCE_DIR}/tools/cassandra-driver
                OUTPUT_VARIABLE cassandra_library OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
add_library(cassandra_driver STATIC IMPORTED)
set_target_properties(cassandra_driver PROPERTIES
  IMPORTED_LOCATION ${cassandra_library}
  INTERFACE_LINK_LIBRARIES "OpenSSL::SSL;OpenSSL::Crypto;Threads::Threads;${CMAKE_DL_LIBS};m")
