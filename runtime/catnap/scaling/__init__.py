"""How many instances there should be, and which of them a call goes to: pure
arithmetic, time and chance as arguments."""

from catnap.scaling.annotations import from_annotations, from_values
from catnap.scaling.kpa import TICK, Decision, Observation, State, decide
from catnap.scaling.settings import Settings

__all__ = [
    "TICK",
    "Decision",
    "Observation",
    "Settings",
    "State",
    "decide",
    "from_annotations",
    "from_values",
]
