#include "model-service/service_flags.hpp"

#include <algorithm>
#include <stdexcept>

#include "net/server_limits.hpp"

namespace inkfleet::service {

using std::chrono::milliseconds;

namespace {

void add_number(CLI::App& cli, const char* name, int& value, int least, int most, const char* meaning) {
  cli.add_option(name, value, meaning)->check(CLI::Range(least, most))->capture_default_str();
}

/// "handshake_ms" -> "--handshake-ms"
std::string flag_of(const net::ServerLimit& limit) {
  std::string flag = std::string("--") + limit.name;
  std::ranges::replace(flag, '_', '-');
  return flag;
}

}  // namespace

void ServiceFlags::add_to(CLI::App& cli) {
  model.add_to(cli);
  cli.add_option("--name", model.name, "The model's name: its URL suffix, without the slash");
  add_check(cli);
  add_number(cli, "--max-queue", max_queue, 1, 1'000'000,
             "Requests that may wait; beyond, they are refused at once");
  add_times(cli);
  cli.add_option("--prefix-cache", prefix_cache, "Reuse keys and values of equal beginnings of texts")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  cli.add_flag("--faults", faults, "Let faults be ordered at POST /faults, on loopback; for tests only");
  add_doors(cli);
}

// --model and --name are required to serve, and only then.
void ServiceFlags::add_check(CLI::App& cli) {
  auto* const folder =
      cli.add_option("--check", check_folder,
                     "Serve nothing: say whether the model in this folder can be served, and "
                     "what memory each number format needs");
  cli.add_option("--text", check_text, "With --check: how well each number format foretells this text")
      ->needs(folder);
  auto* const model_option = cli.get_option("--model")->required(false);
  auto* const name = cli.get_option("--name");
  cli.parse_complete_callback([folder, model_option, name] {
    if (!folder->empty()) return;
    for (const auto* needed : {model_option, name}) {
      if (needed->empty()) throw CLI::RequiredError(needed->get_name());
    }
  });
}

void ServiceFlags::add_times(CLI::App& cli) {
  add_number(cli, "--drain-seconds", drain_seconds, 0, 86'400,
             "How long running requests may take to finish on SIGTERM");
  add_number(cli, "--max-step-ms", max_step_ms, 10, 60'000,
             "How long a step of the model is let to be, about");
  add_number(cli, "--step-limit-ms", step_limit_ms, 100, 600'000,
             "A step that takes longer is a hung engine");
  add_number(cli, "--probe-deadline-ms", probe_deadline_ms, 100, 600'000,
             "A probe that takes longer to answer is a hung device");
  add_number(cli, "--wait-limit-ms", wait_limit_ms, 1, 600'000,
             "The expected wait at which inkfleet_saturation is 1");
}

void ServiceFlags::add_doors(CLI::App& cli) {
  cli.add_option("--key-file", key_file, "File of API keys, one \"NAME KEY\" a line; read again at SIGHUP");
  cli.add_option("--origin", origins, "Web origin that may connect, or *; several: repeated, or with commas")
      ->expected(1)
      ->delimiter(',')
      ->take_all();
  cli.add_flag("--log-prompts", log_prompts, "Log all that editors write: people's texts");
  for (const auto& limit : net::server_limits()) {
    const auto take = [this, &limit](const std::int64_t& value) { net::set(limit, server, value); };
    cli.add_option_function<std::int64_t>(flag_of(limit), take, limit.meaning)
        ->check(CLI::Range(std::int64_t{limit.least}, std::int64_t{limit.most}))
        ->default_str(std::to_string(net::value_of(limit, server)));
  }
}

health::Limits ServiceFlags::limits() const {
  return {.probe = milliseconds(probe_deadline_ms), .step = milliseconds(step_limit_ms)};
}

net::OriginRule ServiceFlags::origin_rule() const {
  net::OriginRule rule;
  for (const auto& origin : origins) rule.add("--origin", origin);
  return rule;
}

// A step that is let to be long must never look like a hang.
void check(const ServiceFlags& flags) {
  net::check_limits("--idle-ms", flags.server);
  if (flags.step_limit_ms >= 2 * flags.max_step_ms) return;
  throw std::runtime_error("--step-limit-ms is " + std::to_string(flags.step_limit_ms) +
                           ", --max-step-ms is " + std::to_string(flags.max_step_ms) +
                           ": a healthy step would look hung; make the limit at least twice as long");
}

}  // namespace inkfleet::service
