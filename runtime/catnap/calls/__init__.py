"""The one way through: every call, whatever it came by, becomes a Call and
walks the same stages: admit, record, route, deliver, settle."""

from catnap.calls.call import Call, Outcome
from catnap.calls.pipeline import Pipeline

__all__ = ["Call", "Outcome", "Pipeline"]
