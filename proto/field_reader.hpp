#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/frames.hpp"
#include "proto/json.hpp"
#include "proto/limits.hpp"

namespace inkfleet::proto {

/// Bytes a text may have.
struct TextRange {
  std::size_t min, max;
};

/// Reads the fields of one JSON object and remembers what was wrong first. A field that is absent or null has
/// no value, nor has one that is wrong; so a caller reads all its fields and then asks once for the fault.
/// Numbers that are whole may be written with a fraction of zero, as some editors do: 40.0 is 40.
class FieldReader {
 public:
  struct Fault {
    std::string field;
    std::string message;  ///< names the limit and the value given
  };

  /// `object` must be a JSON object and outlive the reader.
  explicit FieldReader(const Json& object) : object_(object) {}

  std::optional<std::int64_t> integer(std::string_view name, IntRange range);
  std::optional<double> real(std::string_view name, RealRange range);
  std::optional<bool> flag(std::string_view name);
  std::optional<std::string> text(std::string_view name, TextRange range);

  /// A whole number that fits an int.
  std::optional<int> small_integer(std::string_view name, IntRange range);
  /// Up to `most` texts, all in this range; none when the field is absent.
  std::vector<std::string> texts(std::string_view name, std::size_t most, TextRange range);

  /// An array, or nothing.
  const Json* list(std::string_view name);
  /// An object, or nothing.
  const Json* object(std::string_view name);

  /// The value, or a default one and a fault that says the field is missing.
  template <typename T>
  T required(std::string_view name, std::optional<T> value) {
    if (!value) fail(name, std::string(name) + " is missing");
    return value ? *std::move(value) : T();
  }

  /// Remembers a fault, unless there is one already.
  void fail(std::string_view name, std::string message);

  [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }

 private:
  const Json* find(std::string_view name) const;
  void refuse(std::string_view name, const std::string& expected, const Json& given);

  const Json& object_;
  std::optional<Fault> fault_;
};

/// A whole number, when `value` is one and 64 bits hold it.
std::optional<std::int64_t> whole_number(const Json& value);

/// Token ids of a list, or what is wrong with one of them.
std::variant<std::vector<TokenId>, std::string> read_token_ids(const Json& list);

/// "whole number from 1 to 32"
std::string describe(IntRange range);

/// A value as an error message shows it: short, whatever was sent.
std::string describe(const Json& value);

}  // namespace inkfleet::proto
