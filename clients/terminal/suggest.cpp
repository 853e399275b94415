// inkfleet-suggest: streams suggestions of how a text goes on to a terminal.

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

#include "clients/terminal/conversation.hpp"
#include "clients/terminal/options.hpp"
#include "clients/terminal/screen.hpp"
#include "net/api_keys.hpp"
#include "net/terminal.hpp"
#include "proto/error_code.hpp"

namespace inkfleet::terminal {
namespace {

constexpr const char *kDim = "\033[2m", *kPlain = "\033[0m";

/// What it took, for people: a line beside the text, on standard error.
void report(const proto::Completed& completed) {
  if (!net::is_terminal(STDERR_FILENO)) return;
  const auto& [queue, prefill, decode] = completed.timing;
  const bool colors = net::takes_colors(STDERR_FILENO);
  std::fprintf(stderr,
               "%s%s, seed %llu: %d tokens in %.0f ms (waited %.0f, read the text %.0f, wrote %.0f)%s\n",
               colors ? kDim : "", completed.receipt.model.c_str(),
               static_cast<unsigned long long>(completed.receipt.seed), completed.usage.completion_tokens,
               queue + prefill + decode, queue, prefill, decode, colors ? kPlain : "");
}

void show_json(const net::WebSocketUrl& url, const std::string& key, const Options& options) {
  converse(url, key, options.request, [](const proto::ServerFrame& frame, std::string_view text) {
    std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
    std::fflush(stdout);
    return !std::holds_alternative<proto::Completed>(frame) && !std::holds_alternative<proto::Error>(frame);
  });
}

void show_text(const net::WebSocketUrl& url, const std::string& key, const Options& options) {
  const int suggestions = options.request.n;
  std::unique_ptr<Screen> screen;
  converse(url, key, options.request, [&](const proto::ServerFrame& frame, std::string_view) {
    if (const auto* error = std::get_if<proto::Error>(&frame)) {
      if (screen) screen->finish();
      throw std::runtime_error(std::string(proto::name(error->code)) + ": " + error->message);
    }
    if (!screen && std::holds_alternative<proto::Started>(frame)) {
      screen = make_screen(options.request.prompt, suggestions);
    }
    if (const auto* delta = std::get_if<proto::Delta>(&frame); delta && screen) {
      if (delta->index < suggestions) screen->append(delta->index, delta->text);
    }
    const auto* completed = std::get_if<proto::Completed>(&frame);
    if (!completed) return true;
    if (screen) screen->finish();
    report(*completed);
    return false;
  });
}

}  // namespace
}  // namespace inkfleet::terminal

int main(int argc, char** argv) {
  using namespace inkfleet::terminal;
  const auto [options, exit_code] = read_command_line(argc, argv);
  if (!options) return exit_code;
  try {
    const auto url = inkfleet::net::parse_websocket_url("URL", options->url);
    const auto key = options->key_file.empty() ? "" : inkfleet::net::load_own_key(options->key_file);
    options->json ? show_json(url, key, *options) : show_text(url, key, *options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
