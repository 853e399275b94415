"""A running inkfleet-model."""

import subprocess
import time


class Service:
    def __init__(self, program, model, threads, dtype, *flags, env=None):
        self.program = program
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [program, "--model", model, "--name", "bench", "--listen", "127.0.0.1:0", "--threads", str(threads),
             "--dtype", dtype, "--log-level", "warn", *flags], stdout=subprocess.PIPE, text=True, env=env)
        self.address = self.line().split()[-1]
        if self.line() != "ready":
            raise RuntimeError("inkfleet-model did not become ready")
        self.seconds_to_ready = time.perf_counter() - began
        self.url = f"ws://{self.address}/bench"

    def line(self):
        text = self.process.stdout.readline()
        if not text:
            raise RuntimeError(f"inkfleet-model ended with {self.process.wait()}")
        return text.strip()

    def version(self):
        return subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()

    def memory(self):
        """Resident bytes."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
