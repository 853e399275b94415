#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/json.hpp"

namespace inkfleet::gateway {

class Node;
using Members = std::map<std::string, Node, std::less<>>;

/// One value of the configuration and the path that leads to it, for errors: whatever is not as expected
/// throws std::runtime_error with one line that names file, path, what was expected and what was found.
class Node {
 public:
  /// `file` and `value` must outlive it.
  Node(std::string_view file, std::string path, const proto::Json& value)
      : file_(file), path_(std::move(path)), value_(value) {}

  [[noreturn]] void fail(std::string_view expected) const;

  [[nodiscard]] const std::string& text(std::string_view expected) const;
  [[nodiscard]] bool flag() const;
  [[nodiscard]] long number(long least, long most) const;
  [[nodiscard]] std::vector<Node> items(std::string_view expected) const;

  /// The members of an object: all of `required` are there, and none but those and `optional`.
  [[nodiscard]] Members members(const std::vector<std::string_view>& required,
                                const std::vector<std::string_view>& optional) const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string place() const;

 private:
  std::string_view file_;
  std::string path_;
  const proto::Json& value_;
};

}  // namespace inkfleet::gateway
