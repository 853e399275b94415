#include "model-service/gpt2/safetensors.hpp"
#include "tests/unit/gpt2/files.hpp"

namespace inkfleet::gpt2 {
namespace {

using namespace testing;

class Safetensors : public ::testing::Test {
 protected:
  std::string error(const std::string& bytes) {
    write_file(path_, bytes);
    const std::string message = error_of([&] { SafetensorsFile file(path_); });
    const std::string start = path_.string() + ": ";
    EXPECT_TRUE(message.starts_with(start)) << message;
    return message.substr(std::min(start.size(), message.size()));
  }
  std::string error_with(const std::string& entry, std::size_t data_bytes = 8) {
    return error(safetensors(R"({"a":)" + entry + "}", std::string(data_bytes, '\0')));
  }

  TemporaryFolder folder_;
  fs::path path_ = folder_.path() / "model.safetensors";
};

TEST_F(Safetensors, GivesTensorsWhereverTheyLie) {
  // The header's length makes the first tensor's address odd.
  std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]},)"
      R"("b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"c":{"dtype":"F16","shape":[0,7],"data_offsets":[9,9]}})";
  const float values[2] = {1.5F, -2.0F};
  std::string data = "x";
  data.append(reinterpret_cast<const char*>(values), sizeof values);
  write_file(path_, safetensors(header, data));
  const SafetensorsFile file(path_);
  EXPECT_EQ(file.tensors().size(), 3U);
  EXPECT_EQ(file.tensors().at("a").shape, (TensorShape{1, 2}));
  EXPECT_EQ(recorded<float>(file, "a"), (std::vector<float>{1.5F, -2.0F}));
  EXPECT_EQ(file.tensors().at("b").bytes.size(), 1U);
  EXPECT_EQ(file.tensors().at("c").elements(), 0);
}

TEST_F(Safetensors, RefusesABrokenHeader) {
  EXPECT_EQ(error(""), "expected a header length of 8 bytes, found a file of 0");
  EXPECT_EQ(error("1234567"), "expected a header length of 8 bytes, found a file of 7");
  EXPECT_EQ(error("<html>is no model</html>"),
            "header length: expected at most 100000000, found 8316246822330067004 (not a safetensors file?)");
  EXPECT_EQ(error(safetensors("{}", "").substr(0, 9)), "truncated: expected a header of 2 bytes, found 1");
  EXPECT_EQ(error(safetensors("{\"a\":", "")), "header: expected a JSON object, found something else");
  EXPECT_EQ(error(safetensors("[]", "")), "header: expected a JSON object, found something else");
  EXPECT_EQ(error(safetensors(R"({"a":)" + nested_lists() + "}", "")),
            "header: expected a JSON object, found something else");
  EXPECT_EQ(error(safetensors("", "")), "header: expected a JSON object, found something else");
}

TEST_F(Safetensors, RefusesBrokenEntries) {
  EXPECT_EQ(error_with("3"), "tensor a: expected an object, found 3");
  EXPECT_EQ(error_with(R"({"shape":[2],"data_offsets":[0,8]})"),
            "tensor a: dtype: expected a string, found none");
  EXPECT_EQ(error_with(R"({"dtype":"F33","shape":[2],"data_offsets":[0,8]})"),
            "tensor a: dtype: expected one of the format, found F33");
  EXPECT_EQ(error_with(R"({"dtype":"F32","data_offsets":[0,8]})"),
            "tensor a: shape: expected a list, found none");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
            "tensor a: shape: expected whole numbers, found -2");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
            "tensor a: data_offsets: expected two whole numbers");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,-8]})"),
            "tensor a: data_offsets: expected two whole numbers");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"),
            "tensor a: data_offsets: expected begin <= end, found [8,0]");
}

TEST_F(Safetensors, RefusesSizesThatDoNotFit) {
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8]})", 7),
            "tensor a: truncated: expected data up to byte 8, found 7");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
            "tensor a: F32 [3]: expected 12 bytes, found 8");
  EXPECT_EQ(error_with(R"({"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]})"),
            "tensor a: shape [4611686018427387904, 4]: its size overflows");
  EXPECT_EQ(error_with(R"({"dtype":"U8","shape":[9223372036854775807,2,0],"data_offsets":[0,0]})"),
            "tensor a: shape [9223372036854775807, 2, 0]: its size overflows");
}

TEST_F(Safetensors, RefusesTensorsThatOverlap) {
  const std::string header = R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  EXPECT_EQ(error(safetensors(header, std::string(8, '\0'))),
            "tensor b: expected data of its own, found an overlap with a");
}

TEST_F(Safetensors, RefusesWhatIsNoFile) {
  EXPECT_EQ(error_of([&] { SafetensorsFile file(path_); }),
            path_.string() + ": cannot open: No such file or directory");
  EXPECT_EQ(error_of([&] { SafetensorsFile file(folder_.path()); }),
            folder_.path().string() + ": expected a file, found something else");
}

}  // namespace
}  // namespace inkfleet::gpt2
