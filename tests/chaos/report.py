"""What a scenario found: figures and the limits they must keep, as a line for people and as JSON."""

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass
class Figure:
    name: str
    value: float
    limit: str = ""  # empty: for information
    kept: bool = True

    def __str__(self):
        value = f"{self.value:.3g}" if isinstance(self.value, float) else str(self.value)
        return f"{self.name} {value}{f' ({self.limit})' if self.limit else ''}"


@dataclass
class Result:
    scenario: str
    slack: float = 1  # on the limits of what depends on the machine's pace: a busy one must not fail a test
    figures: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    error: str | None = None
    skipped: str | None = None  # why it was not run
    seconds: float = 0

    def at_most(self, name: str, value, limit, paced: bool = False) -> None:
        limit *= self.slack if paced else 1
        self.figures.append(Figure(name, value, f"≤ {limit:.4g}", value <= limit))

    def at_least(self, name: str, value, limit, paced: bool = False) -> None:
        limit /= self.slack if paced else 1
        self.figures.append(Figure(name, value, f"≥ {limit:.4g}", value >= limit))

    def equals(self, name: str, value, wanted) -> None:
        self.figures.append(Figure(name, value, f"= {wanted}", value == wanted))

    def tell(self, name: str, value) -> None:
        self.figures.append(Figure(name, value))

    def skip(self, why: str) -> None:
        self.skipped = why

    def note(self, text: str) -> None:
        self.notes.append(text)

    @property
    def passed(self) -> bool:
        bounded = [figure for figure in self.figures if figure.limit]
        return self.error is None and bool(bounded or self.skipped) and all(figure.kept for figure in bounded)

    def line(self) -> str:
        figures = self.skipped or "; ".join(map(str, self.figures))
        verdict = "falls short" if not self.passed else "not run" if self.skipped else "pass"
        return f"{self.scenario:<18} {verdict:<11} {self.seconds:4.0f} s  {figures}"

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{self.scenario}.json"
        document = {**asdict(self), "passed": self.passed, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        file.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
