# Everything that a checkout can do; `make help` lists it. Works on Debian 12, as root or with sudo.
BUILD  ?= build
PREFIX ?= /usr/local
PRESET ?= asan-ubsan
JOBS   ?= $(shell nproc)
FLIGHTS = examples/flights
SCHOOL  = examples/assessments
ASSESSMENTS ?= 400
STUDENTS    ?= 2000
SECONDS     ?= 60

.PHONY: all help setup run medallion assessments users decentralized test test-long bench sanitize coverage clean-machine-test install clean

all: $(BUILD)/build.ninja  ## builds build/millrace and the tests
	@ninja -C $(BUILD) -j $(JOBS) --quiet

help:  ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile | expand -t 22

setup:  ## installs the Debian packages that are missing
	@tools/setup

# Configured anew when the pinned dependencies change: their folder's name does, too.
$(BUILD)/build.ninja: CMakeLists.txt CMakePresets.json cmake/*.cmake tools/deps tools/deps.lock | setup
	@deps=$$(tools/deps) && cmake --preset release -B $(BUILD) -DMILLRACE_DEPS=$$deps --log-level=WARNING >/dev/null

$(BUILD)/millrace: $(BUILD)/build.ninja
	@echo "Building $@ …"
	@ninja -C $(BUILD) -j $(JOBS) --quiet millrace
.PHONY: $(BUILD)/millrace

run: $(BUILD)/millrace  ## from nothing to tables: installs, builds, runs examples/flights
	@tools/run-flights $(BUILD)/millrace $(FLIGHTS)

medallion: $(BUILD)/millrace  ## the same layers in buckets: starts an S3 server, runs examples/medallion on it
	@tests/services/s3_server.py install >/dev/null
	@tools/run-medallion $(BUILD)/millrace

assessments: $(BUILD)/millrace  ## examples/assessments: a school's results from a REST API (ASSESSMENTS=400 STUDENTS=2000)
	@tools/run-assessments $(BUILD)/millrace $(SCHOOL) --assessments $(ASSESSMENTS) --students $(STUDENTS)

users: $(BUILD)/millrace  ## examples/users for a minute: an API, PostgreSQL, Kafka, Cassandra, started here (SECONDS=60)
	@tools/setup test
	@for jars in kafka registry cassandra; do tools/test-jars $$jars >/dev/null; done
	@$$(tools/test-python) tools/run-users $(BUILD)/millrace --seconds $(SECONDS)

decentralized: $(BUILD)/millrace  ## examples/decentralized: a file's words to the Storacha service, started here (FILE=…)
	@tools/test-node >/dev/null
	@tools/run-decentralized $(BUILD)/millrace $(FILE)

test:  ## installs, builds, runs all tests in their short form
	@tools/setup test
	@tests/services/install
	@$(MAKE) --no-print-directory all
	@tools/test --build $(BUILD)

test-long:  ## the same with the full counts of kills, fuzzing and large inputs
	@tools/setup test
	@tests/services/install
	@$(MAKE) --no-print-directory all
	@tools/test --build $(BUILD) --long

bench: $(BUILD)/millrace  ## measures, beside floors and peers; results in bench/results (long; 40 GB of disk)
	@bench/run.py --millrace $(BUILD)/millrace
	@bench/rest.py --millrace $(BUILD)/millrace
	@bench/medallion.py --millrace $(BUILD)/millrace
	@bench/postgres.py --millrace $(BUILD)/millrace
	@ninja -C $(BUILD) -j $(JOBS) --quiet tests/decode_driver && $$(tools/test-python) bench/decode.py --build $(BUILD)
	@ninja -C $(BUILD) -j $(JOBS) --quiet tests/s3_driver && bench/s3.py --build $(BUILD)
	@bench/cassandra.py --build $(BUILD)
	@bench/storacha.py --millrace $(BUILD)/millrace
	@bench/car.py --millrace $(BUILD)/millrace
	@ninja -C $(BUILD) -j $(JOBS) --quiet tests/kafka_driver && $$(tools/test-python) bench/streams.py --build $(BUILD)

sanitize:  ## unit, golden, conformance and interop tests and the flights under ASan and UBSan (PRESET=tsan: ThreadSanitizer)
	@tools/setup test
	@deps=$$(tools/deps) && cmake --preset $(PRESET) -DMILLRACE_DEPS=$$deps --log-level=WARNING >/dev/null
	@ninja -C build-$(PRESET) -j $(JOBS) --quiet
	@LSAN_OPTIONS=suppressions=$(CURDIR)/tests/sanitizers/leaks.txt:print_suppressions=0 \
	  tools/test --build build-$(PRESET) --only unit,golden,conformance,interop,e2e/flights

coverage:  ## line coverage of src/ by all tests in their short form
	@tools/setup test
	@deps=$$(tools/deps) && cmake --preset coverage -DMILLRACE_DEPS=$$deps --log-level=WARNING >/dev/null
	@ninja -C build-coverage -j $(JOBS) --quiet
	@tools/coverage build-coverage

clean-machine-test:  ## make run and make test with an empty home and cache (CHROOT=1: on a bare Debian 12)
	@tools/clean-machine-test $(if $(CHROOT),--chroot)

install: $(BUILD)/millrace  ## the program and its engine, below PREFIX
	@cmake --install $(BUILD) --prefix $(PREFIX)

clean:  ## removes what was built and what the examples made; the cache outside the checkout stays
	rm -rf build build-* $(FLIGHTS)/lake $(FLIGHTS)/.millrace \
	  $(SCHOOL)/lake $(SCHOOL)/.millrace $(SCHOOL)/illuminate $(SCHOOL)/views
