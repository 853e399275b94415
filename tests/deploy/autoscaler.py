"""An autoscaler as clouds have them, for drills: the mean of a metric over the services is held near a target."""

import math
from dataclasses import dataclass, field

TOLERANCE = 0.1  # nothing is done within this share of the target


@dataclass
class Policy:
    """Out at once to what the load needs; in by one, when that has needed less for `window` seconds."""

    target: float
    least: int
    most: int
    window: float
    _needs: list = field(default_factory=list)  # pairs of time and number

    def need(self, count: int, mean: float) -> int:
        if abs(mean / self.target - 1) <= TOLERANCE:
            return count
        return min(max(math.ceil(count * mean / self.target), self.least), self.most)

    def decide(self, now: float, count: int, mean: float) -> int:
        need = self.need(count, mean)
        self._needs = [(at, number) for at, number in self._needs if at > now - self.window] + [(now, need)]
        if need > count:
            return need
        waited = now - self._needs[0][0] >= 0.8 * self.window
        return count - 1 if waited and max(number for _, number in self._needs) < count else count

    def forget(self) -> None:
        """After a step: what was needed before it tells nothing of now."""
        self._needs.clear()


@dataclass
class Sample:
    at: float
    count: int
    mean: float
    queued: float
    step: int  # the count decided on
    live: int  # requests of writers
