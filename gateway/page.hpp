#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_app.hpp"

namespace inkfleet::gateway {

/// The page where people write: the files of a folder, read once. Beside a file there may be the same,
/// compressed: NAME.br, NAME.gz.
class Page {
 public:
  /// Throws std::runtime_error with one line if there is no index.html or something cannot be read.
  explicit Page(const std::string& folder);

  /// Whether it answers this path; "/" is its index.html.
  [[nodiscard]] bool has(std::string_view path) const;

  /// The file at the request's path, which there is: whole in the best encoding the request accepts, or 304.
  [[nodiscard]] net::HttpResponse answer(const net::HttpRequest& request) const;

 private:
  struct File {
    std::string content_type;
    std::string digest;                                     // of the plain bytes
    std::map<std::string, std::string, std::less<>> bytes;  // by content encoding; "": plain
  };

  void add(const std::string& path, const std::string& file);

  std::map<std::string, File, std::less<>> files_;
};

/// The page in `folder`. Empty: the one that was built with this program, if it was. "off": none. Null when
/// there is none. Throws as Page does.
std::shared_ptr<const Page> load_page(const std::string& folder);

/// What is said in the page's place.
net::HttpResponse missing_page();

}  // namespace inkfleet::gateway
