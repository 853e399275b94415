#include "net/program.hpp"

#include <gmock/gmock.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <vector>

#include "net/log_event.hpp"

namespace inkfleet::net {
namespace {

int run(Program& program, std::vector<std::string> arguments, const std::function<void()>& body) {
  arguments.insert(arguments.begin(), "program");
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  return program.run(static_cast<int>(argv.size()), argv.data(), body);
}

TEST(Program, NamesOfVariablesComeFromFlags) {
  EXPECT_EQ(environment_name("--listen"), "INKFLEET_LISTEN");
  EXPECT_EQ(environment_name("--admin-listen"), "INKFLEET_ADMIN_LISTEN");
}

// Deliberate break: without add_environment_names() the variable is not read.
TEST(Program, EveryFlagHasAVariableAndTheCommandLineWins) {
  ASSERT_EQ(setenv("INKFLEET_LISTEN", "127.0.0.1:1", 1), 0);
  ASSERT_EQ(setenv("INKFLEET_BATCH_SIZE", "7", 1), 0);
  for (const bool on_command_line : {false, true}) {
    Program program("test", "A program under test");
    program.add_server_flags();
    int batch_size = 0;
    program.cli().add_option("--batch-size", batch_size, "A flag of its own");
    std::vector<std::string> arguments;
    if (on_command_line) arguments = {"--batch-size", "9"};
    EXPECT_EQ(run(program, arguments, [] {}), 0);
    EXPECT_EQ(program.flags().listen, "127.0.0.1:1");
    EXPECT_EQ(batch_size, on_command_line ? 9 : 7);
  }
  unsetenv("INKFLEET_LISTEN");
  unsetenv("INKFLEET_BATCH_SIZE");
}

TEST(Program, FailuresAreOneLineAndExitOne) {
  Program program("test", "A program under test");
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(program, {}, [] { throw std::runtime_error("no such file: x.json; create it"); }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "error: no such file: x.json; create it\n");

  testing::internal::CaptureStderr();
  const std::string from_a_file = "x.json: \n\x1b[2J" + std::string(5'000, 'k');
  EXPECT_EQ(run(program, {}, [&] { throw std::runtime_error(from_a_file); }), 1);
  const std::string line = testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, testing::StartsWith("error: x.json:   [2Jkkk"));
  EXPECT_THAT(line, testing::EndsWith("k...\n"));
  EXPECT_LT(line.size(), 2'100u);
}

// Deliberate break: a field put into the message is no member of its own.
TEST(Log, FieldsAreMembersOfJsonAndPairsOfText) {
  const auto logged = [](const std::string& format) {
    testing::internal::CaptureStderr();
    start_log("info", format);
    log_event(spdlog::level::info, "request completed",
              {{"id", "r1"}, {"odd", "a b\n"}, {"ms", 1.5}, {"none", ""}});
    spdlog::info("another line");
    spdlog::default_logger()->flush();
    return testing::internal::GetCapturedStderr();
  };
  const auto text = logged("text");
  EXPECT_THAT(text, testing::HasSubstr(" info request completed id=r1 odd=\"a b\\n\" ms=1.5\n"));
  EXPECT_THAT(text, testing::EndsWith(" info another line\n"));
  const auto lines = logged("json");
  const auto line = nlohmann::json::parse(lines.substr(0, lines.find('\n')));
  EXPECT_EQ(line["message"], "request completed");
  EXPECT_EQ(line["id"], "r1");
  EXPECT_EQ(line["odd"], "a b\n");
  EXPECT_EQ(line["ms"], 1.5);
  EXPECT_FALSE(line.contains("none"));
  EXPECT_EQ(nlohmann::json::parse(lines.substr(lines.find('\n'))).size(), 3U)
      << "the next line has no fields";
  start_log("info", "text");
}

TEST(Program, WrongUsageExitsTwo) {
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {"--no-such-flag"}, {"--log-level", "loud"}, {"--log-format", "xml"}, {"--log-format"}}) {
    Program program("test", "A program under test");
    testing::internal::CaptureStderr();
    EXPECT_EQ(run(program, wrong, [] { FAIL() << "ran all the same"; }), 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::StartsWith("error: "));
  }
}

TEST(Program, VersionAndHelpExitZeroWithoutRunning) {
  for (const auto* asked : {"--version", "--help"}) {
    Program program("test", "A program under test");
    testing::internal::CaptureStdout();
    EXPECT_EQ(run(program, {asked}, [] { FAIL() << "ran all the same"; }), 0);
    EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::Not(testing::IsEmpty()));
  }
}

TEST(Program, AJsonLogLineHoldsWhateverTheMessageHolds) {
  testing::internal::CaptureStderr();
  start_log("info", "json");
  spdlog::info("quote \" newline \n brace }}");
  spdlog::debug("too quiet to be seen");
  spdlog::default_logger()->flush();
  const auto log = testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, testing::HasSubstr(R"("message":"quote \" newline \n brace }}")"));
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  start_log("info", "text");
}

}  // namespace
}  // namespace inkfleet::net
