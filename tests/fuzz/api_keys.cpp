// Files of API keys: each line's key opens the door under its name, and no error tells a key.
//
// Deliberate break, seen within 20 seconds: an error that says which key it found.

#include "net/api_keys.hpp"

#include <algorithm>
#include <map>
#include <sstream>

#include "proto/limits.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

/// The same reader twice would prove nothing: here a line is what istream makes of it, with other blanks as
/// part of a word.
std::map<std::string, std::string> names_by_key(std::string_view text) {
  std::map<std::string, std::string> names;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, key, more;
    if (!(words >> name) || name.starts_with('#')) continue;
    require(words >> key && !(words >> more), "a line is a name and a key");
    require(names.emplace(key, name).second, "a key stands in the file once");
  }
  return names;
}

void check(const net::KeyStore& keys, std::string_view text) {
  const auto names = names_by_key(text);
  require(!names.empty() && names.size() == keys.size(), "as many keys as lines that hold one");
  for (const auto& [key, name] : names) {
    require(keys.name_of(key) == name, "a key opens the door under its name");
    require(!keys.name_of(key + "x") || names.contains(key + "x"), "a longer key is another");
    require(!keys.name_of(key.substr(1)) || names.contains(key.substr(1)), "a shorter key is another");
  }
  require(!keys.name_of(""), "no key is none");
}

/// What is as long as a key must not be in an error, whatever stands before and after it.
void check_secret(std::string_view text, std::string_view message) {
  std::istringstream words{std::string(text)};
  for (std::string word; words >> word;) {
    if (word.size() < proto::limits::kApiKeyBytes.min) continue;
    require(message.find(word) == message.npos, "an error tells no key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const fuzz::Folder folder;
  const auto text = fuzz::text_of(data, size);
  std::string message;
  net::KeyStore keys;
  const auto read = [&] {
    try {
      keys = net::KeyStore::parse("keys", text);
    } catch (const std::runtime_error& error) {
      message = error.what();
      throw;
    }
  };
  if (fuzz::loads("keys: ", read)) check(keys, text);
  check_secret(text, message);

  folder.write("own", text);
  const auto file = (folder.path() / "own").string();
  std::string own;
  if (fuzz::loads(file + ": ", [&] { own = net::load_own_key(file); })) {
    require(net::KeyStore::parse("again", "me " + own).name_of(own) == "me", "an own key is one of a store");
  }
  return 0;
}
