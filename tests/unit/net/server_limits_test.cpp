#include "net/server_limits.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <set>
#include <stdexcept>

namespace inkfleet::net {
namespace {

// Deliberate break: a row that points to another row's value fails the second loop.
TEST(ServerLimits, EachIsAValueOfItsOwn) {
  std::set<std::string> names;
  ServerOptions options;
  for (const auto& limit : server_limits()) {
    EXPECT_TRUE(names.insert(limit.name).second) << limit.name;
    EXPECT_GE(value_of(limit, options), limit.least) << limit.name;
    EXPECT_LE(value_of(limit, options), limit.most) << limit.name;
  }
  long number = 1000;
  for (const auto& limit : server_limits()) set(limit, options, ++number);
  number = 1000;
  for (const auto& limit : server_limits()) EXPECT_EQ(value_of(limit, options), ++number) << limit.name;
}

TEST(ServerLimits, DefaultsAreTheContracts) {
  const ServerOptions options;
  EXPECT_EQ(options.connection.frame_limit, 64u * 1024);
  EXPECT_EQ(options.body_limit, 1024u * 1024);
  EXPECT_EQ(options.per_address, 100u);
  EXPECT_EQ(options.connection.handshake, std::chrono::seconds(10));
  EXPECT_EQ(options.connection.ping_interval, std::chrono::seconds(20));
  EXPECT_EQ(options.connection.idle_close, std::chrono::seconds(60));
  EXPECT_EQ(options.connection.waiting_output, 256u * 1024);
  EXPECT_EQ(options.connection.stuck_reader, std::chrono::seconds(30));
}

TEST(ServerLimits, IdleIsLongerThanThePauseBetweenPings) {
  ServerOptions options;
  EXPECT_NO_THROW(check_limits("limits", options));
  options.connection.ping_interval = options.connection.idle_close;
  EXPECT_THROW(check_limits("limits", options), std::runtime_error);
}

TEST(Descriptors, BoundTheConnections) {
  EXPECT_EQ(fit_descriptors({.connections = 100}, 1024).connections, 100u);
  EXPECT_EQ(fit_descriptors({.connections = 100'000}, 1024).connections, 1024u - 128 - 32);
  EXPECT_EQ(fit_descriptors({.connections = 100}, 10).connections, 1u);
}

TEST(Descriptors, AreAllThisProcessMayHave) {
  rlimit before{}, after{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit low{std::min<rlim_t>(64, before.rlim_max), before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto raised = raise_descriptor_limit();
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(after.rlim_cur, before.rlim_max);
  EXPECT_EQ(raised, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace inkfleet::net
