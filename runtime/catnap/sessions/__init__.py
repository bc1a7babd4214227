"""Which instance a session's calls go to: a pure choice, and the table that
remembers it. The same for processes of this machine and for a cluster's pods."""

from catnap.sessions.choice import chance, choose
from catnap.sessions.table import DRAIN, Entry, Session, Table

__all__ = ["DRAIN", "Entry", "Session", "Table", "chance", "choose"]
