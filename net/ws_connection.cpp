#include "net/ws_connection_impl.hpp"

namespace inkfleet::net {

template class WsConnection<beast::tcp_stream>;

}  // namespace inkfleet::net
