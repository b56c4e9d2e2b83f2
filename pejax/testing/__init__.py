"""Toyland, a country made for tests: its rules, random people and an oracle that owes the engine
nothing."""

from ._country import LAW as LAW, Band as Band, Region as Region, toy_system as toy_system
from ._filled import with_every_input as with_every_input
from ._oracle import NUMBERS as NUMBERS, toy_oracle as toy_oracle
from ._people import random_population as random_population, toy_population as toy_population
from ._program import toy_program as toy_program
