"""The store: one database for all that must outlast a crash."""

from catnap.store.database import Cursor, Database, Row
from catnap.store.migrations import Component
from catnap.store.store import Store

__all__ = ["Component", "Cursor", "Database", "Row", "Store"]
