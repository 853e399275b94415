// Headers of requests at the gateway's doors, as Beast reads them: nobody comes in without a key, no page of
// another origin does, and nobody gets an encoding they did not name.
//
// Deliberate break, seen within 20 seconds: comparing only how origin and host begin.

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <cctype>

#include "gateway/access.hpp"
#include "gateway/page.hpp"
#include "net/http_refusal.hpp"
#include "net/networks.hpp"
#include "net/responses.hpp"
#include "proto/json.hpp"
#include "tests/fuzz/fuzz.hpp"

using inkfleet::fuzz::require;
using namespace inkfleet;

namespace {

constexpr std::string_view kKey = "key-of-the-fuzz-target";
constexpr std::string_view kCodedKey = "a2V5LW9mLXRoZS1mdXp6LXRhcmdldA";  // base64url, without its padding
constexpr std::string_view kOrigin = "https://app.example.org";
const auto kClient = net::asio::ip::make_address("192.0.2.1");

/// Nothing if a server would refuse it.
std::optional<net::HttpRequest> read(std::string_view bytes) {
  net::http::request_parser<net::http::string_body> parser;
  parser.header_limit(proto::limits::kHttpHeaderBytes);
  boost::system::error_code bad;
  parser.put(net::asio::buffer(bytes), bad);
  if (bad || !parser.is_header_done()) return std::nullopt;
  return parser.release();
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (auto& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// What stands after the scheme, without the ports that schemes mean.
std::string bare_host(std::string_view text) {
  auto host = lower_case(text);
  if (const auto scheme = host.find("://"); scheme != host.npos) host.erase(0, scheme + 3);
  for (const auto* port : {":80", ":443"}) {
    if (host.ends_with(port)) return host.substr(0, host.rfind(':'));
  }
  return host;
}

/// Whether a door lets the request in; a refusal is one that may be read by anybody.
bool admitted(std::variant<gateway::Caller, net::HttpResponse> admission) {
  const auto* refusal = std::get_if<net::HttpResponse>(&admission);
  if (!refusal) return true;
  require(refusal->result_int() == 401 || refusal->result_int() == 403, "who may not is told so");
  require(proto::parse_json(refusal->body()).index() == 0, "a refusal is JSON");
  return false;
}

gateway::Access access_with(bool keys, bool origins) {
  gateway::Config config;
  if (keys) {
    config.auth.keys = std::make_shared<const net::KeyStore>(
        net::KeyStore::parse("keys", "alice " + std::string(kKey) + "\nbob another-key-of-16-bytes"));
  }
  if (origins) config.origins.add("origins", kOrigin);
  return gateway::Access(config);
}

void check_key(const net::HttpRequest& request, std::string_view bytes) {
  static const auto door = access_with(true, false);
  if (!admitted(door.admit(request, kClient))) return;
  const auto key = net::presented_key(request);
  require(key == kKey || key == "another-key-of-16-bytes", "only a key of the file opens the door");
  require(bytes.find(*key) != bytes.npos || bytes.find(kCodedKey) != bytes.npos,
          "a key is in the bytes that bring it");
  require(!admitted(door.admit_legacy(request, kClient)), "the door of existing editors is closed");
}

void check_origin(const net::HttpRequest& request) {
  static const auto same_host = access_with(false, false), listed = access_with(false, true);
  const auto given = request[net::http::field::origin], host = request[net::http::field::host];
  const auto origin = lower_case({given.data(), given.size()});
  const auto lines = request.count(net::http::field::origin);
  const bool here = admitted(same_host.admit(request, kClient));
  const bool there = admitted(listed.admit(request, kClient));
  if (lines == 0) return require(here && there, "a request without an origin comes in");
  if (lines > 1) return require(!here && !there, "a request has one origin");
  require(!here || bare_host(origin) == bare_host({host.data(), host.size()}),
          "a page's host is the one asked");
  require(!there || origin == kOrigin || origin == std::string(kOrigin) + ":443",
          "a page's origin is listed");
}

void check_page(const net::HttpRequest& request) {
  static const fuzz::Folder folder;
  static const auto page = [] {
    for (const auto* name : {"index.html", "index.html.br", "index.html.gz"}) folder.write(name, name);
    return gateway::Page(folder.path());
  }();
  if (!page.has(net::path_of(request))) return;
  const auto accepted = request[net::http::field::accept_encoding],
             known = request[net::http::field::if_none_match];
  const auto answer = page.answer(request);
  const auto encoding = answer[net::http::field::content_encoding];
  require(lower_case({accepted.data(), accepted.size()}).find({encoding.data(), encoding.size()}) !=
              std::string::npos,
          "an encoding is one that was named");
  if (answer.result_int() == 304) {
    require(answer.body().empty(), "what is known is not sent");
    require(known.find(answer[net::http::field::etag]) != known.npos, "what is known was named");
  } else {
    require(answer.result_int() == 200 && answer.body().starts_with("index.html"), "a file is sent whole");
    require(encoding.empty() == (answer.body() == "index.html"), "a file is sent in its encoding");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text_of(data, size);
  const auto request = read(bytes);
  if (!request) return 0;
  check_key(*request, bytes);
  check_origin(*request);
  check_page(*request);
  require(net::path_of(*request).find('?') == std::string_view::npos, "a path has no query");
  require(net::client_of(kClient, {}, net::forwarded_lines(*request)) == kClient,
          "who is no trusted proxy speaks for itself");
  static_cast<void>(net::offers_subprotocol(*request));
  return 0;
}
