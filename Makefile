# make        builds build/millrace
# make run    installs, builds, runs the flights example
# make test   installs, builds, runs all tests
BUILD ?= build

.PHONY: all
all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja: CMakeLists.txt cmake/*.cmake
	cmake -G Ninja -S . -B $(BUILD)
