#include "gateway/reload.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <optional>
#include <sstream>

namespace inkfleet::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReloadTest : public testing::Test {
 protected:
  ReloadTest() {
    auto log =
        std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_st>(said));
    log->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(log));
  }
  ~ReloadTest() override { spdlog::set_default_logger(before); }

  /// The log since the last call, in lines.
  std::vector<std::string> lines() {
    std::vector<std::string> lines;
    std::istringstream text(said.str());
    for (std::string line; std::getline(text, line);) lines.push_back(line);
    said.str("");
    return lines;
  }

  std::ostringstream said;
  std::shared_ptr<spdlog::logger> before = spdlog::default_logger();
  std::string file = R"({"routes": [{"suffix": "/a", "upstreams": ["ws://h:1/a"]}]})";
  std::vector<Config> applied;
  Reload reload{parse_config("fleet.json", file), [this] { return parse_config("fleet.json", file); },
                [this](const Config& config) { applied.push_back(config); }};
};

TEST_F(ReloadTest, ANewConfigurationIsPutToUse) {
  file = R"({"resolve_seconds": 3, "routes": [{"suffix": "/b", "upstreams": ["ws://h:1/b"]}]})";
  reload.run();
  ASSERT_EQ(applied.size(), 1u);
  EXPECT_EQ(applied[0].routes[0].name, "b");
  EXPECT_EQ(applied[0].resolve.count(), 3);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("the new configuration is in use")));
}

// Deliberate break: a run() that applies what it has before it knows that all of the file is good.
TEST_F(ReloadTest, AWrongFileIsSaidInOneLineAndChangesNothing) {
  for (const auto* wrong : {"{", "[]", R"({"routes": []})",
                            R"({"routes": [{"suffix": "/b", "upstreams": ["ws://h:1/"]}], "rutes": 1})"}) {
    file = wrong;
    reload.run();
    EXPECT_THAT(applied, IsEmpty()) << wrong;
    const auto said_now = lines();
    ASSERT_EQ(said_now.size(), 1u) << wrong;
    EXPECT_THAT(said_now[0], testing::StartsWith("error reload: fleet.json: "));
    EXPECT_THAT(said_now[0], HasSubstr("; the old configuration stays"));
  }
}

TEST_F(ReloadTest, WhatNeedsARestartIsSaidAndStays) {
  file = R"({"listen": "127.0.0.1:1", "admin_listen": "127.0.0.1:2",
             "routes": [{"suffix": "/b", "upstreams": ["ws://h:1/b"]}]})";
  for (int times = 0; times < 2; ++times) {
    reload.run();
    EXPECT_EQ(applied.back().listen, Config{}.listen);
    EXPECT_EQ(applied.back().admin_listen, "");
    EXPECT_THAT(lines(), ElementsAre(HasSubstr("warning reload: listen has changed"),
                                     HasSubstr("warning reload: admin_listen has changed"),
                                     HasSubstr("the new configuration is in use")))
        << "as long as the file says so";
  }
}

}  // namespace
}  // namespace inkfleet::gateway
