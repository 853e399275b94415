#include "net/http_get.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

namespace inkfleet::net {

namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kAnswerBytes = std::size_t{64} * 1024;

}  // namespace

asio::awaitable<boost::system::result<unsigned>> http_get(beast::tcp_stream& stream, tcp::endpoint server,
                                                          std::string host, std::string path,
                                                          std::chrono::milliseconds limit) {
  using Status = boost::system::result<unsigned>;
  stream.expires_after(limit);  // for all that follows
  const auto [unreachable] = co_await stream.async_connect(server, kAwait);
  if (unreachable) co_return Status(unreachable);

  http::request<http::empty_body> request(http::verb::get, path, 11);
  request.set(http::field::host, host);
  request.keep_alive(false);
  const auto [unsent, sent] = co_await http::async_write(stream, request, kAwait);
  if (unsent) co_return Status(unsent);

  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(kAnswerBytes);
  const auto [unread, read] = co_await http::async_read(stream, buffer, parser, kAwait);
  if (unread) co_return Status(unread);
  co_return Status(parser.get().result_int());
}

}  // namespace inkfleet::net
