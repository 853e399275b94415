#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/callers.hpp"
#include "gateway/page.hpp"
#include "net/address.hpp"
#include "net/api_keys.hpp"
#include "net/origin.hpp"
#include "net/server_options.hpp"

namespace inkfleet::gateway {

/// One model: where editors find it and which services compute it.
struct Route {
  std::string name;                  ///< the suffix without its slash: "gpt2-medium"
  std::vector<std::string> aliases;  ///< other names that mean this model
  std::vector<net::WebSocketUrl> upstreams;
};

/// How services are asked for their health.
struct ProbeTimes {
  std::chrono::milliseconds interval{500};  ///< from one probe's begin to the next one's; 0: no probes
  std::chrono::milliseconds timeout{1'000};
};

/// Who may come in.
struct Auth {
  std::string key_file;                       ///< empty: everybody
  bool legacy_open = false;                   ///< existing editors need no key
  std::shared_ptr<const net::KeyStore> keys;  ///< what the file holds; null: everybody
};

/// The files that make the gateway speak TLS; empty: it does not.
struct TlsFiles {
  std::string certificate;
  std::string key;
};

struct Config {
  std::string listen = "127.0.0.1:8080";
  std::string admin_listen;  ///< empty: none
  std::vector<Route> routes;
  std::string page_folder;           ///< empty: the one that was built; "off": none
  std::shared_ptr<const Page> page;  ///< what it holds; null: nothing
  std::chrono::seconds resolve{10};  ///< names among the upstreams' hosts are looked up so often; 0: once
  ProbeTimes probes;
  Auth auth;
  std::string upstream_key_file;  ///< empty: none
  std::string upstream_key;       ///< the gateway's own, towards services
  net::OriginRule origins;
  TlsFiles tls;
  net::ServerOptions server;  ///< limits, trusted proxies, and TLS once its files are read
  std::size_t live_requests = proto::limits::kLiveRequestsPerEditor;  ///< of an editor's connection
  std::size_t live_requests_per_caller = Callers::kLiveRequests;      ///< over all its connections
  std::size_t service_frame_bytes =
      proto::limits::kServiceFrameBytes;  ///< largest message of a service, and to one
  bool log_prompts = false;
};

/// Reads a configuration, and no other file. Throws std::runtime_error with one line naming `file`, the key's
/// path, what was expected and what was found; unknown keys are refused, so that a misspelt one does not pass
/// silently.
Config parse_config(std::string_view file, std::string_view text);

/// Reads the file and parses it, and reads the keys and certificates it names. Throws as parse_config does.
Config load_config(const std::string& file);

}  // namespace inkfleet::gateway
