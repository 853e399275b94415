"""Where the benchmark finds and keeps things."""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MODELS = ROOT / "build/models"
LOGS = ROOT / "build/bench-logs"
RESULTS = ROOT / "bench/results"
