"""A terminal, for programs that write another thing to a person than to a file."""

import contextlib
import os
import pty
import threading

import programs


class Terminal:
    """Its `device` is for a program's stdout or stderr; keeps all that was written."""

    def __init__(self):
        self._master, self.device = pty.openpty()
        self._parts = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        with contextlib.suppress(OSError):  # how Linux says that the other end is closed
            while part := os.read(self._master, 4096):
                self._parts.append(part)

    def written(self) -> str:
        """Once the program has ended."""
        os.close(self.device)
        self._reader.join(programs.STOP_S)
        os.close(self._master)
        return b"".join(self._parts).decode()
