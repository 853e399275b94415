#include "net/tls.hpp"

#include <fmt/format.h>

#include <boost/asio/ssl/context.hpp>
#include <stdexcept>

#include "net/file.hpp"

namespace inkfleet::net {

namespace ssl = boost::asio::ssl;

namespace {

void check(const boost::system::error_code& error, const std::string& file, const char* expected) {
  if (error) throw std::runtime_error(fmt::format("{}: expected {}: {}", file, expected, error.message()));
}

}  // namespace

std::shared_ptr<ssl::context> load_tls(const std::string& certificate, const std::string& key) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  const auto chain = read_file(certificate), secret = read_file(key);
  boost::system::error_code error;
  context->use_certificate_chain(boost::asio::buffer(chain), error);
  check(error, certificate, "a certificate in PEM form");
  context->use_private_key(boost::asio::buffer(secret), ssl::context::pem, error);
  check(error, key, "the certificate's private key in PEM form, without a passphrase");
  return context;
}

}  // namespace inkfleet::net
