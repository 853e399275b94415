"""Opens WebSockets with an independent client."""

from websockets.sync.client import ClientConnection, connect


def open_socket(url: str, **options) -> ClientConnection:
    """A connection the caller closes. (`legacy` is the library's name for connecting outside a with statement.)"""
    settings = dict(max_size=None, max_queue=None, open_timeout=10, proxy=None, legacy=True)
    return connect(url, **{**settings, **options})
