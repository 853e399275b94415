#include "gateway/page.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace inkfleet::gateway {
namespace {

namespace fs = std::filesystem;
using net::http::field;
using net::http::status;
using testing::HasSubstr;

constexpr auto kScript = "/assets/main-3f2a.js";

/// A folder with a page of two files; the script is there in other encodings too.
class PageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "inkfleet-page-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    fs::create_directory(folder / "assets");
    write("index.html", "<!doctype html><title>page</title>");
    write("assets/main-3f2a.js", "plain");
    write("assets/main-3f2a.js.br", "brotli");
    write("assets/main-3f2a.js.gz", "gzip");
  }
  void TearDown() override { fs::remove_all(folder); }

  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(folder / name, std::ios::binary) << bytes;
  }

  /// The answer to a GET with these headers.
  [[nodiscard]] net::HttpResponse get(const std::string& target, const std::string& accept = "",
                                      const std::string& known = "") const {
    net::HttpRequest request(net::http::verb::get, target, 11);
    if (!accept.empty()) request.set(field::accept_encoding, accept);
    if (!known.empty()) request.set(field::if_none_match, known);
    return Page(folder.string()).answer(request);
  }

  fs::path folder;
};

TEST_F(PageTest, TheFrontIsItsIndex) {
  const auto answer = get("/?model=gpt2");
  EXPECT_EQ(answer.result(), status::ok);
  EXPECT_EQ(answer[field::content_type], "text/html; charset=utf-8");
  EXPECT_EQ(answer[field::cache_control], "no-cache");
  EXPECT_EQ(answer.body(), "<!doctype html><title>page</title>");
  EXPECT_EQ(get("/index.html").body(), answer.body());
}

TEST_F(PageTest, NothingButItsFilesIsThere) {
  const Page page(folder.string());
  EXPECT_TRUE(page.has("/"));
  EXPECT_TRUE(page.has(kScript));
  for (const auto* other : {"", "/assets", "/assets/", "/assets/main-3f2a.js.br", "/assets/../index.html",
                            "//index.html", "/gpt2-demo"}) {
    EXPECT_FALSE(page.has(other)) << other;
  }
}

// Deliberate break: a policy with 'unsafe-inline'.
TEST_F(PageTest, TheBrowserIsToldToRunNothingElse) {
  const auto answer = get("/");
  const std::string policy(answer["Content-Security-Policy"]);
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("script-src 'self';"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
  EXPECT_EQ(answer["X-Content-Type-Options"], "nosniff");
}

TEST_F(PageTest, WhatIsNamedByItsContentIsKept) {
  EXPECT_EQ(get(kScript)[field::cache_control], "public, max-age=31536000, immutable");
}

// Deliberate break: accepts() that does not look at the weight.
TEST_F(PageTest, TheBestEncodingThatIsAccepted) {
  const std::pair<const char*, const char*> cases[] = {{"", "plain"},
                                                       {"gzip, deflate, br", "brotli"},
                                                       {"GZIP", "gzip"},
                                                       {"gzip;q=0.5, br;q=0", "gzip"},
                                                       {"br;q=0.000, gzip;q=0", "plain"},
                                                       {"brx, identity", "plain"}};
  for (const auto& [accept, body] : cases) {
    const auto answer = get(kScript, accept);
    EXPECT_EQ(answer.body(), body) << accept;
    EXPECT_EQ(answer[field::vary], "Accept-Encoding");
    EXPECT_EQ(answer[field::content_type], "text/javascript; charset=utf-8");
  }
  EXPECT_EQ(get(kScript, "br")[field::content_encoding], "br");
  EXPECT_EQ(get("/", "br").count(field::content_encoding), 0U) << "there is none of it";
}

TEST_F(PageTest, WhatIsKnownIsNotSentAgain) {
  const auto etag = std::string(get(kScript, "br")[field::etag]);
  const auto known = get(kScript, "br", "\"other\", W/" + etag);
  EXPECT_EQ(known.result(), status::not_modified);
  EXPECT_EQ(known.body(), "");
  EXPECT_EQ(known[field::etag], etag);
  EXPECT_EQ(get(kScript, "gzip", etag).result(), status::ok) << "other bytes";
  write("assets/main-3f2a.js", "changed");
  EXPECT_EQ(get(kScript, "br", etag).result(), status::ok);
}

TEST_F(PageTest, AFolderWithoutAnIndexIsRefused) {
  fs::remove(folder / "index.html");
  try {
    load_page(folder.string());
    FAIL() << "it was taken";
  } catch (const std::runtime_error& wrong) {
    EXPECT_THAT(wrong.what(), HasSubstr("has no index.html"));
  }
}

TEST(MissingPage, SaysWhatToDo) {
  EXPECT_EQ(load_page("off"), nullptr);
  const auto answer = missing_page();
  EXPECT_EQ(answer.result(), status::ok);
  EXPECT_THAT(answer.body(), HasSubstr("make page"));
}

}  // namespace
}  // namespace inkfleet::gateway
