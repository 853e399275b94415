#include "net/api_keys.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <stdexcept>

namespace inkfleet::net {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::Optional;
using testing::StartsWith;

constexpr auto kKey = "0123456789abcdef-first";
constexpr auto kOther = "0123456789abcdef-other";

std::string error_of(std::string_view text) {
  try {
    KeyStore::parse("keys.txt", text);
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "no error";
}

HttpRequest with(http::field field, const std::string& value) {
  HttpRequest request;
  request.set(field, value);
  return request;
}

TEST(KeyStore, ReadsNamesAndKeys) {
  const auto keys =
      KeyStore::parse("keys.txt", std::string("# ours\n\n  site\t") + kKey + " \r\nsite " + kOther);
  EXPECT_EQ(keys.size(), 2u);
  EXPECT_THAT(keys.name_of(kKey), Optional(std::string("site")));
  EXPECT_THAT(keys.name_of(kOther), Optional(std::string("site")));
  EXPECT_EQ(keys.name_of(std::string(kKey) + "x"), std::nullopt);
  EXPECT_EQ(keys.name_of(""), std::nullopt);
}

// Deliberate break: an error that quotes its line fails the last check.
TEST(KeyStore, ErrorsNameTheLineAndNeverAKey) {
  const std::string key = kKey;
  EXPECT_EQ(error_of(""), "keys.txt: holds no key; expected lines of a name, a space and a key");
  EXPECT_EQ(error_of("# only this"), error_of(""));
  EXPECT_THAT(error_of(key), StartsWith("keys.txt: line 1: expected a name, a space and a key"));
  EXPECT_THAT(error_of("\na/b " + key), StartsWith("keys.txt: line 2: expected a name of up to 64"));
  EXPECT_THAT(error_of("a 0123456789abcde"),
              HasSubstr("expected a key of 16 to 256 visible ASCII characters"));
  EXPECT_THAT(error_of("a " + std::string(257, 'k')), HasSubstr("16 to 256"));
  EXPECT_THAT(error_of("a " + key + " and more"), HasSubstr("16 to 256"));
  EXPECT_THAT(error_of("a " + key + "\nb " + key), HasSubstr("line 2: this key is in the file already"));
  for (const auto& text : {key, "a/b " + key, "a " + key + "\nb " + key}) {
    EXPECT_THAT(error_of(text), Not(HasSubstr("0123456789abcdef")));
  }
}

TEST(KeyStore, AFileThatCannotBeReadIsOneLine) {
  EXPECT_THROW(load_keys("/nowhere/keys.txt"), std::runtime_error);
  const auto file = testing::TempDir() + "own-key";
  std::ofstream(file) << kKey << "\n";
  EXPECT_EQ(load_own_key(file), kKey);
  std::ofstream(file) << "two words of a key";
  EXPECT_THROW(load_own_key(file), std::runtime_error);
}

TEST(PresentedKey, IsReadFromTheHeader) {
  EXPECT_EQ(presented_key({}), std::nullopt);
  EXPECT_THAT(presented_key(with(http::field::authorization, "Bearer abc")), Optional(std::string("abc")));
  EXPECT_THAT(presented_key(with(http::field::authorization, "bearer  abc ")), Optional(std::string("abc")));
  EXPECT_THAT(presented_key(with(http::field::authorization, "Bearer ")), Optional(std::string()));
  EXPECT_EQ(presented_key(with(http::field::authorization, "Basic abc")), std::nullopt);
  EXPECT_EQ(presented_key(with(http::field::authorization, "Bear")), std::nullopt);
  EXPECT_EQ(presented_key(with(http::field::authorization, "Bearers abc")), std::nullopt);
}

// The codes are Python's: base64.urlsafe_b64encode(b"key>>>???~~~ok!!").rstrip(b"=") and of "key>>>???".
// Deliberate break: without the exchange of - and _ the first is no key.
TEST(PresentedKey, IsReadFromTheSubprotocol) {
  const auto of = [](const std::string& list) {
    return presented_key(with(http::field::sec_websocket_protocol, list));
  };
  EXPECT_THAT(of("inkfleet.v1, inkfleet.key.a2V5Pj4-Pz8_fn5-b2shIQ"),
              Optional(std::string("key>>>???~~~ok!!")));
  EXPECT_THAT(of("inkfleet.key.a2V5Pj4-Pz8_, inkfleet.v1"), Optional(std::string("key>>>???")));
  EXPECT_EQ(of("inkfleet.v1"), std::nullopt);
  for (const auto* broken :
       {"inkfleet.key.", "inkfleet.key.a2V5Pj4+Pz8", "inkfleet.key.abcde", "inkfleet.key.a!"}) {
    EXPECT_THAT(of(broken), Optional(std::string())) << broken;
  }
}

// Deliberate break: a name_of() that takes the last entry whatever CRYPTO_memcmp says lets the other key in.
TEST(CheckKey, RefusesWith401) {
  const auto keys = KeyStore::parse("keys.txt", std::string("site ") + kKey);
  const auto known = check_key(keys, with(http::field::authorization, std::string("Bearer ") + kKey));
  EXPECT_EQ(std::get<std::string>(known), "site");
  for (const auto& request :
       {HttpRequest{}, with(http::field::authorization, std::string("Bearer ") + kOther)}) {
    const auto checked = check_key(keys, request);
    const auto& refused = std::get<HttpResponse>(checked);
    EXPECT_EQ(refused.result(), http::status::unauthorized);
    EXPECT_EQ(refused[http::field::www_authenticate], "Bearer");
    EXPECT_THAT(refused.body(),
                AllOf(HasSubstr(R"("code":"unauthorized")"), Not(HasSubstr("0123456789abcdef"))));
  }
}

}  // namespace
}  // namespace inkfleet::net
