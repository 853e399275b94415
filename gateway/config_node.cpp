#include "gateway/config_node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

namespace inkfleet::gateway {

namespace {

constexpr std::size_t kShownBytes = 80;

std::string listed(const std::vector<std::string_view>& keys) {
  std::string list;
  for (const auto key : keys) list.append(list.empty() ? "" : ", ").append(key);
  return list;
}

}  // namespace

void Node::fail(std::string_view expected) const {
  auto found = proto::dump_json(value_);
  if (found.size() > kShownBytes) found = found.substr(0, kShownBytes) + "...";
  throw std::runtime_error(fmt::format("{}: {}: expected {}, found {}", file_,
                                       path_.empty() ? "the whole file" : path_, expected, found));
}

const std::string& Node::text(std::string_view expected) const {
  if (!value_.is_string()) fail(expected);
  return value_.get_ref<const std::string&>();
}

bool Node::flag() const {
  if (!value_.is_boolean()) fail("true or false");
  return value_.get<bool>();
}

long Node::number(long least, long most) const {
  const auto in_range = [&] { return value_ >= least && value_ <= most; };
  if (!value_.is_number_integer() || !in_range()) fail(fmt::format("a whole number {} to {}", least, most));
  return value_.get<long>();
}

std::vector<Node> Node::items(std::string_view expected) const {
  if (!value_.is_array()) fail(expected);
  std::vector<Node> nodes;
  nodes.reserve(value_.size());
  for (std::size_t i = 0; i < value_.size(); ++i) {
    nodes.emplace_back(file_, fmt::format("{}[{}]", path_, i), value_[i]);
  }
  return nodes;
}

Members Node::members(const std::vector<std::string_view>& required,
                      const std::vector<std::string_view>& optional) const {
  if (!value_.is_object()) fail("an object");
  for (const auto key : required) {
    if (!value_.contains(key)) fail(fmt::format("an object with the key \"{}\"", key));
  }
  auto known = required;
  known.insert(known.end(), optional.begin(), optional.end());
  Members nodes;
  for (const auto& [key, value] : value_.items()) {
    Node node(file_, path_.empty() ? key : path_ + "." + key, value);
    if (std::ranges::find(known, key) == known.end()) {
      node.fail("one of the keys " + listed(known));
    }
    nodes.emplace(key, std::move(node));
  }
  return nodes;
}

std::string Node::place() const {
  return fmt::format("{}: {}", file_, path_);
}

}  // namespace inkfleet::gateway
