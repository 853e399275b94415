"""load.py URL...: writers who ask at these addresses, in turn, until standard input ends. Prints what they got as
JSON. What each should get was asked before, when nothing happened. Runs in a machine's network."""

import itertools
import json
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "chaos"), str(TESTS / "e2e")]

from writer import Crowd, asks, undisturbed  # noqa: E402

WRITERS = 6
PAUSE_S = 0.2
RESTARTED = 1012


def longest_pause(stories: list) -> float:
    """Seconds between a suggestion's pieces of text; the first piece comes after the request."""
    times = [[story.begun, *grown] for story in stories for grown in story.grown.values()]
    return max(later - earlier for grown in times for earlier, later in itertools.pairwise(grown))


def main():
    doors = sys.argv[1:]
    requests = asks(12, n=2, max_tokens=300)
    whole = undisturbed(doors[0], requests)
    crowd = Crowd(doors, requests, writers=WRITERS, rounds=None, pause=PAUSE_S)
    crowd.wait_streaming(2)
    print("loaded", flush=True)
    sys.stdin.read()
    stories = crowd.stop()
    goodbyes = [code for story in stories for code in story.goodbyes]
    different = [story for story in stories if not story.lost and not story.same_as(whole[story.ask["seed"]])]
    result = {
        "requests": len(stories),
        "streams": sum(story.ask["n"] for story in stories),
        "lost": sum(story.lost for story in stories),
        "different": len(different),
        "handed_over": goodbyes.count(RESTARTED),
        "broken": len(goodbyes) - goodbyes.count(RESTARTED),
        "longest_pause_seconds": round(longest_pause(stories), 2),
    }
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
