#include "net/program.hpp"

#include <spdlog/formatter.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cctype>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "net/address.hpp"
#include "net/log_event.hpp"
#include "net/supervisor.hpp"
#include "net/terminal.hpp"

namespace inkfleet::net {

namespace {

constexpr int kFailure = 1;
constexpr int kWrongUsage = 2;
constexpr std::size_t kMessageBytes = 2'000;
constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v%*";

/// %* of a line of text: its fields.
class FieldsFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text = fields_as_text(fields_of_line());
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
    return std::make_unique<FieldsFlag>();
  }
};

/// One JSON object a line; what a message holds cannot break out of it.
class JsonFormatter : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    using nlohmann::json;
    using Seconds = std::chrono::duration<double>;
    json line{{"time", std::chrono::duration_cast<Seconds>(message.time.time_since_epoch()).count()},
              {"level", std::string_view(spdlog::level::to_string_view(message.level).data())},
              {"message", std::string_view(message.payload.data(), message.payload.size())}};
    for (const auto& field : fields_of_line()) {
      if (!field.absent()) line[std::string(field.name)] = field.value;
    }
    const auto text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

/// An error for a person's terminal: what a file or flag brought into it can neither break out of the line
/// nor fill the screen.
std::string one_line(std::string_view message) {
  std::string line(message.substr(0, kMessageBytes));
  std::ranges::replace_if(
      line, [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return line.size() < message.size() ? line + "..." : line;
}

void add_environment_names(CLI::App& cli) {
  for (CLI::Option* option : cli.get_options()) {
    const auto& names = option->get_lnames();
    if (names.empty() || names.front() == "help" || names.front() == "version") continue;
    option->envname(environment_name("--" + names.front()));
  }
}

}  // namespace

Program::Program(std::string name, std::string description) : cli_(std::move(description), std::move(name)) {
  cli_.set_version_flag("--version", cli_.get_name() + " " + std::string(version()));
  cli_.add_option("--log-level", flags_.log_level, "How much to log, on stderr")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->capture_default_str();
  cli_.add_option("--log-format", flags_.log_format, "Lines of text or of JSON")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void Program::add_server_flags() {
  cli_.add_option("--listen", flags_.listen, "ADDR:PORT to serve on; port 0 picks one");
  cli_.add_option("--admin-listen", flags_.admin_listen, "ADDR:PORT of its own for /metrics");
}

int Program::run(int argc, char** argv, const std::function<void()>& body) {
  if (const auto status = parse_command_line(cli_, argc, argv)) return *status;
  try {
    start_log(flags_.log_level, flags_.log_format);
    body();
    return 0;
  } catch (const std::exception& e) {
    spdlog::default_logger()->flush();
    std::cerr << "error: " << one_line(e.what()) << '\n';
    return kFailure;
  }
}

std::optional<int> parse_command_line(CLI::App& cli, int argc, char** argv) {
  add_environment_names(cli);
  try {
    cli.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::Success& asked) {  // --help, --version
    return cli.exit(asked);
  } catch (const CLI::ParseError& wrong) {
    std::cerr << "error: " << one_line(wrong.what()) << "; see " << cli.get_name() << " --help\n";
    return kWrongUsage;
  }
}

std::string environment_name(std::string_view flag) {
  std::string name = "INKFLEET_";
  for (const char c : flag.substr(std::min(flag.find_first_not_of('-'), flag.size()))) {
    name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string_view version() {
  return INKFLEET_VERSION;
}

void start_log(const std::string& level, const std::string& format) {
  const auto colors = takes_colors(STDERR_FILENO) ? spdlog::color_mode::automatic : spdlog::color_mode::never;
  auto log = std::make_shared<spdlog::logger>("inkfleet",
                                              std::make_shared<spdlog::sinks::stderr_color_sink_mt>(colors));
  log->set_level(spdlog::level::from_str(level));
  if (format == "json") {
    log->set_formatter(std::make_unique<JsonFormatter>());
  } else {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<FieldsFlag>('*').set_pattern(kTextPattern);
    log->set_formatter(std::move(formatter));
  }
  spdlog::set_default_logger(std::move(log));
}

void announce_listening(const tcp::endpoint& endpoint) {
  std::cout << "listening " << to_string(endpoint) << '\n' << std::flush;
}

void announce_ready() {
  std::cout << "ready" << '\n' << std::flush;
  notify_supervisor("READY=1");
}

asio::awaitable<void> termination_signal() {
  asio::signal_set signals(co_await asio::this_coro::executor, SIGTERM, SIGINT);
  const int signal = co_await signals.async_wait(asio::use_awaitable);
  spdlog::info("{}: stopping", signal == SIGINT ? "SIGINT" : "SIGTERM");
  notify_supervisor("STOPPING=1");
}

}  // namespace inkfleet::net
