#include "net/ipld/car.h"

#include <gtest/gtest.h>

#include <map>

#include "net/ipld/dag_cbor.h"
#include "net/ipld/dag_reader.h"
#include "net/ipld/varint.h"

namespace millrace::ipld {

namespace {

// A few bytes at a time: no reader may count on more.
ReadBytes From(std::string bytes, size_t step = 7) {
  auto at = std::make_shared<size_t>(0);
  return [=](char* to, size_t most) -> Result<size_t> {
    size_t size = std::min({most, step, bytes.size() - *at});
    bytes.copy(to, size, *at);
    *at += size;
    return size;
  };
}

std::string CarOf(const std::vector<std::string>& blocks) {
  std::string car = CarHeader({Cid::Of(kRaw, blocks[0])});
  for (const std::string& block : blocks) {
    Cid cid = Cid::Of(kRaw, block);
    car += CarBlockHead(cid, block.size()) + block;
  }
  return car;
}

Result<int> Count(const std::string& car, CarLimits limits = {}) {
  CarReader reader(From(car), limits);
  TRY(reader.Open());
  int count = 0;
  while (std::optional<CarBlock> block = TRY(reader.Next())) {
    TRY(block->cid.Verify(block->data));
    ++count;
  }
  EXPECT_EQ(reader.offset(), static_cast<int64_t>(car.size()));
  return count;
}

TEST(CarReader, ReadsWhatWasWritten) {
  EXPECT_EQ(CarHeader({}).size(), 18u);
  EXPECT_EQ(CarHeader({Cid::Of(kRaw, "")}).size(), 59u);
  EXPECT_EQ(*Count(CarOf({"", "a", std::string(3000000, 'x')})), 3);
}

TEST(CarReader, EveryCutIsTold) {
  std::string car = CarOf({"abc", "de"});
  size_t whole = CarOf({"abc"}).size();
  for (size_t size = 0; size < car.size(); ++size) {
    if (size == 59 || size == whole) continue;  // between two blocks
    Result<int> count = Count(car.substr(0, size));
    EXPECT_EQ(count.code(), Code::kInvalid) << size;
    EXPECT_NE(count.status().message().find("at byte"), std::string::npos);
  }
}

TEST(CarReader, LengthsThatLie) {
  std::string car = CarOf({"abc"});
  std::string huge;
  AppendVarint(huge, uint64_t{1} << 60);
  EXPECT_FALSE(Count(car + huge + "x").ok());
  EXPECT_FALSE(Count(huge).ok());
  EXPECT_FALSE(Count(car + std::string(1, '\0')).ok());
  EXPECT_FALSE(Count(car, {.block = 38}).ok());
  EXPECT_FALSE(Count(car, {.header = 57}).ok());
  std::string in_limits;  // 8 MiB are claimed, none are there
  AppendVarint(in_limits, 8000000);
  EXPECT_FALSE(Count(car + in_limits).ok());
}

TEST(CarReader, Version2) {
  std::string payload = CarOf({"abc", "de"});
  auto little = [](uint64_t value) {
    std::string bytes;
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
    return bytes;
  };
  std::string pragma = "\x0a\xa1\x67version\x02";
  std::string car = pragma + std::string(16, '\0') + little(60) + little(payload.size()) +
                    little(0) + std::string(9, '\0') + payload;
  CarReader reader(From(car + "an index"));
  ASSERT_TRUE(reader.Open().ok());
  EXPECT_EQ(reader.version(), 2);
  EXPECT_EQ(reader.roots().size(), 1u);
  int count = 0;
  while (reader.Next()->has_value()) ++count;
  EXPECT_EQ(count, 2);
  std::string lies = pragma + std::string(16, '\0') + little(3) + little(9) + little(0) + payload;
  EXPECT_FALSE(CarReader(From(lies)).Open().ok());
}

// Blocks by CID, made by hand: what no writer of ours would make.
class Blocks : public BlockSource {
 public:
  Cid Add(Codec codec, std::string block) {
    Cid cid = Cid::Of(codec, block);
    blocks_[cid] = std::move(block);
    return cid;
  }
  Cid Folder(std::vector<PbLink> links) {
    return Add(kDagPb, WriteDagPb({std::move(links), WriteUnixFs({.type = UnixFsType::kFolder})}));
  }
  Cid File(std::vector<PbLink> links, std::vector<uint64_t> sizes, uint64_t size) {
    return Add(kDagPb, WriteDagPb({std::move(links), WriteUnixFs({.type = UnixFsType::kFile,
                                                                  .file_size = size,
                                                                  .block_sizes = sizes})}));
  }
  Result<std::string> Get(const Cid& cid) override {
    auto found = blocks_.find(cid);
    if (found == blocks_.end()) return NotFound("no block " + cid.Text());
    return found->second;
  }

 private:
  std::map<Cid, std::string> blocks_;
};

Result<std::string> Content(Blocks& blocks, const Cid& cid, DagLimits limits = {}) {
  std::string bytes;
  DagReader reader(blocks, limits);
  TRY(reader.Read(cid,
                  [&](std::string_view part) {
                    bytes += part;
                    return Status::Ok();
                  },
                  {}));
  return bytes;
}

TEST(DagReader, FilesAndSizesThatLie) {
  Blocks blocks;
  Cid a = blocks.Add(kRaw, "aaa"), b = blocks.Add(kRaw, "bb");
  EXPECT_EQ(*Content(blocks, blocks.File({{a, "", 3}, {b, "", 2}}, {3, 2}, 5)), "aaabb");
  EXPECT_FALSE(Content(blocks, blocks.File({{a, "", 3}}, {4}, 4)).ok());  // the leaf is shorter
  EXPECT_FALSE(Content(blocks, blocks.File({{a, "", 3}}, {3}, 9)).ok());  // no sum
  EXPECT_FALSE(Content(blocks, blocks.File({{a, "", 3}}, {}, 3)).ok());   // no sizes
  EXPECT_FALSE(
      Content(blocks, blocks.File({{a, "", 3}, {b, "", 2}}, {1ul << 62, 1ul << 62}, 0)).ok());
  EXPECT_FALSE(Content(blocks, blocks.File({{blocks.Folder({}), "", 3}}, {1}, 1)).ok());
  EXPECT_EQ(Content(blocks, blocks.File({{Cid::Of(kRaw, "gone"), "", 4}}, {4}, 4)).code(),
            Code::kNotFound);
}

TEST(DagReader, ABombEndsAtTheLimit) {
  Blocks blocks;
  Cid cid = blocks.Add(kRaw, std::string(1000, 'x'));
  uint64_t size = 1000;
  for (int level = 0; level < 6; ++level) {
    std::vector<PbLink> links(100, {cid, "", size});
    cid = blocks.File(links, std::vector<uint64_t>(100, size), size * 100);
    size *= 100;
  }
  EXPECT_EQ(Content(blocks, cid, {.bytes = 50000}).code(), Code::kExhausted);
  Cid deep = blocks.Add(kRaw, "x");
  for (int level = 0; level < 30; ++level) deep = blocks.File({{deep, "", 1}}, {1}, 1);
  EXPECT_EQ(Content(blocks, deep).code(), Code::kInvalid);
}

TEST(DagReader, NamesThatDoHarm) {
  Blocks blocks;
  Cid leaf = blocks.Add(kRaw, "x");
  std::string zero("a\0b", 3);
  for (std::string name : {std::string(), std::string("."), std::string(".."), std::string("../x"),
                           std::string("/etc/x"), zero, std::string(256, 'a')}) {
    DagReader reader(blocks);
    DagReader::Node node = *reader.Open(blocks.Folder({{leaf, name, 1}}));
    EXPECT_EQ(reader.Entries(node).code(), Code::kInvalid) << name;
  }
  DagReader reader(blocks);
  DagReader::Node twice =
      *reader.Open(blocks.Folder({{leaf, "a", 1}, {leaf, "b", 1}, {leaf, "a", 1}}));
  EXPECT_EQ(reader.Entries(twice).code(), Code::kInvalid);
  Cid link = blocks.Add(
      kDagPb, WriteDagPb({{}, WriteUnixFs({.type = UnixFsType::kSymlink, .data = "/etc"})}));
  EXPECT_EQ(reader.Open(link).code(), Code::kInvalid);
}

}  // namespace

}  // namespace millrace::ipld
