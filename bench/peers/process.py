"""A driver's process and all it starts: at rest (SIGSTOP) except while it answers and shortly after."""

import ctypes
import json
import os
import selectors
import signal
import subprocess
import time

from paths import LOGS


PR_SET_PDEATHSIG = 1
AFTERWARDS_S = 0.1  # for what a system does when it has answered: an editor's next request comes no sooner
LIBC = ctypes.CDLL(None)


def end_with_parent():
    """A driver at rest would outlive a harness that is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Failure(Exception):
    """A driver ended, was silent for too long, or did not do its work; its text says which."""


class Process:
    def __init__(self, name, command, environment=None):
        LOGS.mkdir(parents=True, exist_ok=True)
        self.log = LOGS / f"{name}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                start_new_session=True, preexec_fn=end_with_parent, env={**os.environ, **(environment or {})})
        self.buffer = b""

    def started(self, seconds):
        """Waits for the model to be loaded; returns what the driver says of itself."""
        about = self.read_line(seconds)["ready"]
        self.rest()
        return about

    def ask(self, work, seconds):
        self.signal_all(signal.SIGCONT)
        try:
            self.process.stdin.write(json.dumps(work).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failure(self.how_it_ended()) from None
        answer = self.read_line(seconds)
        time.sleep(AFTERWARDS_S)
        self.rest()
        return answer

    def rest(self):
        """Returns when the driver has stopped."""
        self.signal_all(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def close(self):
        """Lets the driver end by itself, and ends what is left of it."""
        self.signal_all(signal.SIGCONT)
        self.process.stdin.close()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            pass
        self.signal_all(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def signal_all(self, number):
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def read_line(self, seconds):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                if not selector.select(seconds):
                    raise Failure(f"no answer in {seconds} s; {self.last_words()}")
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    raise Failure(self.how_it_ended())
                self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def how_it_ended(self):
        return f"ended with {self.process.wait(30)}; {self.last_words()}"

    def last_words(self):
        words = self.log.read_text(errors="replace").strip().splitlines()
        return f"its last words, of {self.log.name}: {' / '.join(words[-3:]) or 'none'}"
