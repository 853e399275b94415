"""How far long work is, for a person at a terminal: a line on stderr that is drawn again and again, and gone when the work ends.
Where stderr is no terminal nothing is drawn."""

import shutil
import sys

VISIBLE = sys.stderr.isatty()
CLEAR = "\r\033[K" if VISIBLE else ""


def line(title, done, total, width):
    figures = f"{done} of {total}"
    room = width - len(title) - len(figures) - 5  # brackets, spaces
    bar = f"[{'=' * (room * done // total):{room}}] " if room >= 4 else ""
    return f"{title} {bar}{figures}"[: width - 1]


class Progress:
    """Of so many steps, in a `with`."""

    def __init__(self, title, total):
        self.title, self.done, self.total = title, 0, max(total, 1)

    def __enter__(self):
        self.draw()
        return self

    def __exit__(self, *_):
        print(CLEAR, end="", file=sys.stderr, flush=True)

    def step(self, steps=1):
        self.done = min(self.done + steps, self.total)
        self.draw()

    def draw(self):
        if VISIBLE:
            print(CLEAR + line(self.title, self.done, self.total, shutil.get_terminal_size().columns), end="", file=sys.stderr, flush=True)


def track(title, items):
    """The items of a sequence, one step each."""
    with Progress(title, len(items)) as progress:
        for item in items:
            yield item
            progress.step()


def say(text):
    """A line on stderr, in the place of the bar."""
    print(CLEAR + text, file=sys.stderr, flush=True)
