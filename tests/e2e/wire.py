"""Opens WebSockets with an independent client."""

import select
import ssl
import threading

from websockets.sync.client import ClientConnection, connect


class OneThreadAtATime(ssl.SSLSocket):
    """The client reads in a thread of its own while others write. Python's SSLSocket lets both into OpenSSL at once, which allows
    one at a time (CPython issue 143756): about one handshake in 4,000 was never heard of again."""

    @classmethod
    def _create(cls, *arguments, **options):
        socket = super()._create(*arguments, **options)
        socket.turn = threading.Lock()
        return socket

    def recv(self, *arguments) -> bytes:
        while True:
            with self.turn:
                waits = self.gettimeout()
                self.settimeout(0)  # not to keep the turn while nothing comes: a record may hold no text for us
                try:
                    return super().recv(*arguments)
                except ssl.SSLWantReadError:
                    pass
                finally:
                    self.settimeout(waits)
            if not select.select([self], [], [], waits)[0]:
                raise TimeoutError("nothing came")

    def sendall(self, data) -> None:
        with self.turn:
            super().sendall(data)


def open_socket(url: str, **options) -> ClientConnection:
    """A connection the caller closes. (`legacy` is the library's name for connecting outside a with statement.)"""
    if "ssl" in options:
        options["ssl"].sslsocket_class = OneThreadAtATime
    settings = dict(max_size=None, max_queue=None, open_timeout=10, proxy=None, legacy=True)
    return connect(url, **{**settings, **options})
