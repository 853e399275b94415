#pragma once

#include <memory>
#include <string>

namespace boost::asio::ssl {
class context;
}

namespace inkfleet::net {

/// A server's side of TLS 1.2 and 1.3, from PEM files: a certificate with its chain, and its key. Throws
/// std::runtime_error with one line that names the file.
std::shared_ptr<boost::asio::ssl::context> load_tls(const std::string& certificate, const std::string& key);

}  // namespace inkfleet::net
