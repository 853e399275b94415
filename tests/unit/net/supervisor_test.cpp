#include "net/supervisor.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/datagram_protocol.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace inkfleet::net {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Datagrams = asio::local::datagram_protocol;
using namespace std::chrono_literals;

/// In the place of systemd: a socket that is named in the environment for as long as it lives.
class Supervisor {
 public:
  explicit Supervisor(const std::string& name)
      : socket_(io_, Datagrams::endpoint(name.starts_with('@') ? '\0' + name.substr(1) : name)) {
    socket_.non_blocking(true);
    setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Supervisor() { unsetenv("NOTIFY_SOCKET"); }

  /// What it has been told since it was last asked.
  std::vector<std::string> told() {
    std::vector<std::string> states;
    std::array<char, 256> buffer{};
    boost::system::error_code error;
    for (;;) {
      const auto size = socket_.receive(asio::buffer(buffer), 0, error);
      if (error) return states;
      states.emplace_back(buffer.data(), size);
    }
  }

 private:
  asio::io_context io_;
  Datagrams::socket socket_;
};

std::string unique_name() {
  return fmt::format("inkfleet-supervisor-test-{}", getpid());
}

TEST(Supervisor, IsToldByPathAndByAbstractName) {
  const auto path = std::filesystem::temp_directory_path() / unique_name();
  for (const auto& name : {path.string(), fmt::format("@{}", unique_name())}) {
    Supervisor supervisor(name);
    notify_supervisor("READY=1");
    EXPECT_THAT(supervisor.told(), ElementsAre("READY=1")) << name;
  }
  std::filesystem::remove(path);
}

TEST(Supervisor, MayBeMissing) {
  unsetenv("NOTIFY_SOCKET");
  notify_supervisor("READY=1");
  setenv("NOTIFY_SOCKET", "/nowhere/socket", 1);
  notify_supervisor("READY=1");
  unsetenv("NOTIFY_SOCKET");
}

class Watchdog : public testing::Test {
 protected:
  ~Watchdog() override {
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
  }

  /// Asked for its health six times; well the first `well` times.
  void feed(int well) {
    asio::io_context io;
    const auto is_well = [&] {
      if (++asked_ == 6) io.stop();
      return asked_ <= well;
    };
    const WatchdogFeed watchdog(io.get_executor(), is_well);
    io.run_for(60s);
  }

  Supervisor supervisor_{fmt::format("@{}", unique_name())};
  int asked_ = 0;
};

// Deliberate break: feed it whatever `is_well` says.
TEST_F(Watchdog, IsFedWhileTheProgramIsWell) {
  setenv("WATCHDOG_USEC", "3000", 1);
  setenv("WATCHDOG_PID", std::to_string(getpid()).c_str(), 1);
  feed(2);
  EXPECT_EQ(asked_, 6);
  EXPECT_THAT(supervisor_.told(), ElementsAre("WATCHDOG=1", "WATCHDOG=1"));
}

// Deliberate break: a stop() that cancels no timer.
TEST_F(Watchdog, IsNoMoreWorkOnceItIsStopped) {
  setenv("WATCHDOG_USEC", "3600000000", 1);
  asio::io_context io;
  WatchdogFeed watchdog(io.get_executor(), [] { return true; });
  io.poll();
  EXPECT_FALSE(io.stopped());
  watchdog.stop();
  EXPECT_EQ(io.run_for(60s), 1U);
  EXPECT_TRUE(io.stopped());
  EXPECT_THAT(supervisor_.told(), ElementsAre("WATCHDOG=1"));
}

TEST_F(Watchdog, OfAnotherProcessOrOfNoneIsNotFed) {
  for (const auto* pid : {"1", ""}) {
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", *pid == '\0' ? "soon" : "3000", 1);
    feed(6);
    EXPECT_EQ(asked_, 0);
    EXPECT_THAT(supervisor_.told(), IsEmpty());
  }
}

}  // namespace
}  // namespace inkfleet::net
