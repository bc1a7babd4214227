"""The store: one database for all that must outlast a crash."""

from catnap.store.database import Cursor, Database, Row
from catnap.store.engine import check_uri, is_uri
from catnap.store.migrations import Component
from catnap.store.store import Store

__all__ = ["Component", "Cursor", "Database", "Row", "Store", "check_uri", "is_uri"]
