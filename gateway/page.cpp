#include "gateway/page.hpp"

#include <fmt/format.h>

#include <boost/beast/http/rfc7230.hpp>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <utility>

#include "net/file.hpp"
#include "net/responses.hpp"
#include "net/sha256.hpp"

namespace inkfleet::gateway {

namespace fs = std::filesystem;
namespace http = net::http;

namespace {

constexpr std::string_view kIndex = "/index.html";

/// What the build names by its content, so that it never changes under a name.
constexpr std::string_view kHashed = "/assets/";

constexpr const char* kForAYear = "public, max-age=31536000, immutable";
constexpr const char* kAskAgain = "no-cache";

/// Scripts, styles and connections of this address alone, nothing inline, no frames around it.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

constexpr std::pair<std::string_view, std::string_view> kContentTypes[] = {
    {".html", "text/html; charset=utf-8"},
    {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},
    {".svg", "image/svg+xml"},
    {".png", "image/png"},
    {".webp", "image/webp"},
    {".woff2", "font/woff2"},
    {".json", "application/json"},
    {".webmanifest", "application/manifest+json"},
    {".txt", "text/plain; charset=utf-8"}};

/// Best first, with the ending of their files.
constexpr std::pair<std::string_view, std::string_view> kEncodings[] = {{"br", ".br"}, {"gzip", ".gz"}};

std::string_view type_of(const fs::path& file) {
  const auto extension = file.extension().string();
  for (const auto& [ending, type] : kContentTypes) {
    if (extension == ending) return type;
  }
  return "application/octet-stream";
}

/// Half of the SHA-256: long enough to tell two versions of a file apart.
std::string digest_of(std::string_view bytes) {
  const auto digest = net::sha256(bytes);
  return net::hexadecimal(std::span(digest).first(digest.size() / 2));
}

/// Whether a list such as "gzip;q=0.5, br" has this encoding, and not with a weight of nothing.
bool accepts(std::string_view list, std::string_view encoding) {
  for (const auto& [name, parameters] : http::ext_list({list.data(), list.size()})) {
    if (!boost::beast::iequals(name, {encoding.data(), encoding.size()})) continue;
    for (const auto& [key, value] : parameters) {
      if (key == "q" && value.find_first_not_of("0.") == value.npos) return false;
    }
    return true;
  }
  return false;
}

std::string_view header(const net::HttpRequest& request, http::field field) {
  const auto value = request[field];
  return {value.data(), value.size()};
}

}  // namespace

Page::Page(const std::string& folder) {
  if (!fs::is_regular_file(folder + std::string(kIndex))) {
    throw std::runtime_error(folder + ": has no index.html; `make page` builds the page");
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const auto ending = entry.path().extension();
    if (!entry.is_regular_file() || ending == ".br" || ending == ".gz") continue;
    add(fmt::format("/{}", fs::relative(entry.path(), folder).generic_string()), entry.path().string());
  }
}

void Page::add(const std::string& path, const std::string& file) {
  File read{.content_type = std::string(type_of(file)), .digest = "", .bytes = {}};
  const auto& plain = read.bytes[""] = net::read_file(file);
  read.digest = digest_of(plain);
  for (const auto& [encoding, ending] : kEncodings) {
    const auto packed = file + std::string(ending);
    if (fs::is_regular_file(packed)) read.bytes[std::string(encoding)] = net::read_file(packed);
  }
  if (path == kIndex) files_["/"] = read;
  files_[path] = std::move(read);
}

bool Page::has(std::string_view path) const {
  return files_.find(path) != files_.end();
}

net::HttpResponse Page::answer(const net::HttpRequest& request) const {
  const auto path = net::path_of(request);
  const auto& file = files_.find(path)->second;
  std::string_view encoding;
  for (const auto& [name, ending] : kEncodings) {
    if (!encoding.empty() || !file.bytes.contains(name)) continue;
    if (accepts(header(request, http::field::accept_encoding), name)) encoding = name;
  }
  const auto etag = fmt::format("\"{}{}{}\"", file.digest, encoding.empty() ? "" : "-", encoding);
  const bool known = header(request, http::field::if_none_match).find(etag) != std::string_view::npos;
  net::HttpResponse response(known ? http::status::not_modified : http::status::ok, 11);
  response.set(http::field::etag, etag);
  response.set(http::field::vary, "Accept-Encoding");
  response.set(http::field::cache_control, path.starts_with(kHashed) ? kForAYear : kAskAgain);
  if (known) return response;
  response.set(http::field::content_type, file.content_type);
  response.set("X-Content-Type-Options", "nosniff");
  response.set("Referrer-Policy", "no-referrer");
  response.set("Content-Security-Policy", kContentSecurityPolicy);
  if (!encoding.empty()) response.set(http::field::content_encoding, {encoding.data(), encoding.size()});
  response.body() = file.bytes.find(encoding)->second;
  return response;
}

std::shared_ptr<const Page> load_page(const std::string& folder) {
  if (folder == "off") return nullptr;
  if (!folder.empty()) return std::make_shared<const Page>(folder);
  const auto program = fs::read_symlink("/proc/self/exe");
  const auto built = (program.parent_path().parent_path() / "share" / "inkfleet" / "page").string();
  return fs::exists(built + std::string(kIndex)) ? std::make_shared<const Page>(built) : nullptr;
}

net::HttpResponse missing_page() {
  return net::text_response(
      http::status::ok,
      "Inkfleet gateway: text suggestions from GPT-2 models, streamed over WebSocket.\n\n"
      "The page where people write is missing: it was not built, for want of Node.js, or is switched off.\n"
      "`make page` builds it; all else works without it.\n\n"
      "GET /v1/models lists the models; docs/protocol.md of the project describes the frames.\n");
}

}  // namespace inkfleet::gateway
