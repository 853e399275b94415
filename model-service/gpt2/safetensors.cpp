#include "model-service/gpt2/safetensors.hpp"

#include <algorithm>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <utility>
#include <variant>

#include "proto/json.hpp"

namespace inkfleet::gpt2 {
namespace {

using proto::Json;

constexpr std::uint64_t kLengthBytes = 8;

/// Where the reading of one file stands, for messages.
struct Source {
  const std::filesystem::path& path;

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(path.string() + ": " + what);
  }
  [[noreturn]] void fail(const std::string& tensor, const std::string& what) const {
    fail("tensor " + tensor + ": " + what);
  }
};

std::optional<std::uint64_t> bytes_per_element(std::string_view dtype) {
  static constexpr std::pair<std::string_view, std::uint64_t> kSizes[] = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8},  {"I32", 4},     {"I16", 2},    {"I8", 1},
      {"U64", 8}, {"U32", 4}, {"U16", 2}, {"U8", 1},   {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto& [name, size] : kSizes) {
    if (name == dtype) return size;
  }
  return std::nullopt;
}

std::uint64_t header_length(const Source& source, std::span<const std::byte> file) {
  if (file.size() < kLengthBytes) {
    source.fail("expected a header length of 8 bytes, found a file of " + std::to_string(file.size()));
  }
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    source.fail("header length: expected at most " + std::to_string(kMaxHeaderBytes) + ", found " +
                std::to_string(length) + " (not a safetensors file?)");
  }
  if (length > file.size() - kLengthBytes) {
    source.fail("truncated: expected a header of " + std::to_string(length) + " bytes, found " +
                std::to_string(file.size() - kLengthBytes));
  }
  return length;
}

Json parse_header(const Source& source, std::span<const std::byte> text) {
  auto parsed = proto::parse_json({reinterpret_cast<const char*>(text.data()), text.size()});
  auto* header = std::get_if<Json>(&parsed);
  if (header == nullptr || !header->is_object()) {
    source.fail("header: expected a JSON object, found something else");
  }
  return std::move(*header);
}

TensorShape read_shape(const Source& source, const std::string& name, const Json& entry) {
  const auto shape = entry.find("shape");
  if (shape == entry.end() || !shape->is_array()) source.fail(name, "shape: expected a list, found none");
  TensorShape result;
  for (const Json& extent : *shape) {
    if (!extent.is_number_unsigned() || extent.get<std::uint64_t>() > INT64_MAX) {
      source.fail(name, "shape: expected whole numbers, found " + extent.dump());
    }
    result.push_back(extent.get<std::int64_t>());
  }
  return result;
}

std::uint64_t bytes_of(const Source& source, const std::string& name, const TensorView& tensor) {
  const auto element = bytes_per_element(tensor.dtype);
  if (!element) source.fail(name, "dtype: expected one of the format, found " + tensor.dtype);
  auto bytes = static_cast<std::int64_t>(*element);
  for (const std::int64_t extent : tensor.shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      source.fail(name, "shape " + to_string(tensor.shape) + ": its size overflows");
    }
  }
  return static_cast<std::uint64_t>(bytes);
}

std::pair<std::uint64_t, std::uint64_t> read_offsets(const Source& source, const std::string& name,
                                                     const Json& entry, std::uint64_t data_size) {
  const auto offsets = entry.find("data_offsets");
  if (offsets == entry.end() || !offsets->is_array() || offsets->size() != 2 ||
      !(*offsets)[0].is_number_unsigned() || !(*offsets)[1].is_number_unsigned()) {
    source.fail(name, "data_offsets: expected two whole numbers");
  }
  const auto begin = (*offsets)[0].get<std::uint64_t>();
  const auto end = (*offsets)[1].get<std::uint64_t>();
  if (begin > end) source.fail(name, "data_offsets: expected begin <= end, found " + offsets->dump());
  if (end > data_size) {
    source.fail(name, "truncated: expected data up to byte " + std::to_string(end) + ", found " +
                          std::to_string(data_size));
  }
  return {begin, end};
}

TensorView read_tensor(const Source& source, const std::string& name, const Json& entry,
                       std::span<const std::byte> data) {
  if (!entry.is_object()) source.fail(name, "expected an object, found " + entry.dump());
  TensorView tensor;
  const auto dtype = entry.find("dtype");
  if (dtype == entry.end() || !dtype->is_string()) source.fail(name, "dtype: expected a string, found none");
  tensor.dtype = dtype->get<std::string>();
  tensor.shape = read_shape(source, name, entry);
  const auto [begin, end] = read_offsets(source, name, entry, data.size());
  const std::uint64_t expected = bytes_of(source, name, tensor);
  if (end - begin != expected) {
    source.fail(name, tensor.dtype + " " + to_string(tensor.shape) + ": expected " +
                          std::to_string(expected) + " bytes, found " + std::to_string(end - begin));
  }
  tensor.bytes = data.subspan(begin, end - begin);
  return tensor;
}

void check_overlap(const Source& source, const std::map<std::string, TensorView, std::less<>>& tensors) {
  std::vector<std::pair<std::span<const std::byte>, const std::string*>> ranges;
  for (const auto& [name, tensor] : tensors) {
    if (!tensor.bytes.empty()) ranges.emplace_back(tensor.bytes, &name);
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const auto& a, const auto& b) { return a.first.data() < b.first.data(); });
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    const auto& before = ranges[i - 1];
    if (before.first.data() + before.first.size() > ranges[i].first.data()) {
      source.fail(*ranges[i].second, "expected data of its own, found an overlap with " + *before.second);
    }
  }
}

}  // namespace

std::int64_t TensorView::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t extent : shape) count *= extent;
  return count;
}

std::string to_string(const TensorShape& shape) {
  std::string text = "[";
  for (const std::int64_t extent : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(extent);
  return text + "]";
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path) : path_(std::move(path)), file_(path_) {
  const Source source{path_};
  const auto file = file_.bytes();
  const std::uint64_t length = header_length(source, file);
  const Json header = parse_header(source, file.subspan(kLengthBytes, length));
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    tensors_.emplace(name, read_tensor(source, name, entry, file.subspan(kLengthBytes + length)));
  }
  check_overlap(source, tensors_);
}

}  // namespace inkfleet::gpt2
