"""Stochastic gates that learn which items to keep: one definition for every user of them."""

from ._hard_concrete import HardConcrete as HardConcrete
from ._schedules import (
    Schedule as Schedule,
    geometric_schedule as geometric_schedule,
    linear_schedule as linear_schedule,
)
