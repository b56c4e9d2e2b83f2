"""How far a job is."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Progress:
    """Items done of all, in this call and before it.

    Attributes:
        done: items whose results are there.
        total: all items.
        began: items that were there when the call began.
        seconds: since the call began.

    >>> print(Progress(done=30, total=50, began=10, seconds=4.0))
    30 of 50, 5 a second, 4 s left
    """

    done: int
    total: int
    began: int
    seconds: float

    @property
    def rate(self) -> float:
        """Items a second in this call; 0 before the first."""
        return (self.done - self.began) / self.seconds if self.seconds > 0 else 0.0

    @property
    def left(self) -> float:
        """Seconds until the end at this rate; infinite before the first item."""
        if self.done >= self.total:
            return 0.0
        return (self.total - self.done) / self.rate if self.rate > 0 else float("inf")

    def __str__(self) -> str:
        text = f"{self.done:,} of {self.total:,}"
        if self.rate > 0:
            text += f", {self.rate:,.3g} a second, {_time(self.left)} left"
        return text


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
