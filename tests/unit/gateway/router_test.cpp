#include "gateway/router.hpp"

#include <gtest/gtest.h>

#include "gateway/legacy_path.hpp"

namespace inkfleet::gateway {
namespace {

const Router kRouter({{.name = "gpt2-medium", .aliases = {"gpt2"}}, {.name = "gpt2-medium-hp"}});

TEST(Router, NamesAndAliases) {
  EXPECT_EQ(kRouter.model_named("gpt2-medium"), "gpt2-medium");
  EXPECT_EQ(kRouter.model_named("gpt2"), "gpt2-medium");
  EXPECT_EQ(kRouter.model_named("gpt2-medium-hp"), "gpt2-medium-hp");
  for (const auto* unknown : {"", "gpt", "gpt2-medium-h", "GPT2", "/gpt2"}) {
    EXPECT_EQ(kRouter.model_named(unknown), std::nullopt) << unknown;
  }
}

TEST(Router, PathsWithAndWithoutTrailingSlash) {
  for (const auto* path : {"/gpt2", "/gpt2/", "/gpt2-medium", "/gpt2-medium/"}) {
    const auto target = kRouter.target_of(path);
    ASSERT_TRUE(target) << path;
    EXPECT_EQ(target->model, "gpt2-medium");
    EXPECT_EQ(target->rest, "");
  }
  EXPECT_EQ(kRouter.target_of("/gpt2/healthz")->rest, "/healthz");
  EXPECT_EQ(kRouter.target_of("/gpt2-medium-hp/readyz/")->rest, "/readyz");
  for (const auto* unknown : {"", "/", "//", "gpt2", "/gpt2x", "//gpt2", "/gpt2%20"}) {
    EXPECT_FALSE(kRouter.target_of(unknown)) << unknown;
  }
}

TEST(LegacyPath, SessionAndTestTwin) {
  const auto live = parse_legacy_path("/ws/async/writeup/text_generation/session/a-b/");
  ASSERT_TRUE(live);
  EXPECT_EQ(live->name, "a-b");
  EXPECT_FALSE(live->test);
  const auto test = parse_legacy_path("/ws/test/writeup/text_generation/session/x");
  ASSERT_TRUE(test);
  EXPECT_TRUE(test->test);
}

TEST(LegacyPath, NamesAreAnyTextUpTo64CharactersWithoutASlash) {
  const std::string base = "/ws/async/writeup/text_generation/session/";
  EXPECT_EQ(parse_legacy_path(base + "%C3%A9%20%41/")->name, "\u00e9 A");
  EXPECT_TRUE(parse_legacy_path(base + std::string(64, 'x') + "/"));
  for (const auto& bad : {std::string("/"), std::string(65, 'x') + "/", std::string("a/b/"),
                          std::string("a%2Fb/"), std::string("%zz/"), std::string("%4"), std::string("%-1/"),
                          std::string(257, '\x80'), std::string()}) {
    EXPECT_FALSE(parse_legacy_path(base + bad)) << bad;
  }
}

}  // namespace
}  // namespace inkfleet::gateway
