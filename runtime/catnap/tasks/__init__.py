"""Tasks: the journal that is the truth about them, and what drives it."""

from catnap.tasks.acceptance import Acceptance
from catnap.tasks.delivery import Delivery, Postponed, Retry
from catnap.tasks.journal import Journal
from catnap.tasks.rows import TABLES
from catnap.tasks.task import ENDED, Failure, Task

__all__ = [
    "ENDED",
    "TABLES",
    "Acceptance",
    "Delivery",
    "Failure",
    "Journal",
    "Postponed",
    "Retry",
    "Task",
]
