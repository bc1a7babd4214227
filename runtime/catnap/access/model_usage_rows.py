"""The use of models as rows. Each process writes rows of its own: what it has
added up so far in place of what it wrote before, so that a write that is repeated
counts once."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from catnap.access.model_usage import OK, Asked, ModelTally, ModelUsed
from catnap.access.usage_rows import KEPT, date
from catnap.store import Database, Row

_AMOUNTS = ModelUsed.__struct_fields__
_KEY = 'day, tenant, "user", skill, model, version, outcome, gateway'

TABLE = """
CREATE TABLE used_models (
    day TEXT NOT NULL, tenant TEXT NOT NULL, "user" TEXT NOT NULL, skill TEXT NOT NULL,
    model TEXT NOT NULL, version TEXT NOT NULL, outcome TEXT NOT NULL, gateway TEXT NOT NULL,
    requests INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL,
    milliseconds REAL NOT NULL, waited REAL NOT NULL,
    bytes_in INTEGER NOT NULL, bytes_out INTEGER NOT NULL, cost REAL NOT NULL,
    PRIMARY KEY (day, tenant, "user", skill, model, version, outcome, gateway)
) STRICT, WITHOUT ROWID
"""


class ModelUse(msgspec.Struct, frozen=True):
    """What a tenant's skill, or its agent cores where that is empty, asked of one
    version of a model on one day in UTC. errors: of the requests, by name.
    milliseconds: that servers were at work. waited: milliseconds before and
    between. cost: in the currency of models.toml's prices."""

    day: str
    tenant: str
    skill: str
    model: str
    version: str
    requests: int
    errors: dict[str, int]
    prompt_tokens: int
    completion_tokens: int
    milliseconds: float
    waited: float
    bytes_in: int
    bytes_out: int
    cost: float


Written = tuple[int, Asked, tuple[float, ...]]
"""A day, who asked what, and all of it through this process so far."""


def written(tally: ModelTally) -> Written:
    """As it is now: it goes on while that is written."""
    return tally.day, tally.asked, msgspec.structs.astuple(tally.used)


def put(db: Database, gateway: str, uses: Iterable[Written]) -> None:
    columns = f"{_KEY}, {', '.join(_AMOUNTS)}"
    changed = ", ".join(f"{each} = excluded.{each}" for each in _AMOUNTS)
    statement = (
        f"INSERT INTO used_models ({columns}) VALUES ({_places(columns)}) "  # noqa: S608
        f"ON CONFLICT ({_KEY}) DO UPDATE SET {changed}"
    )
    for day, asked, amounts in uses:
        key = (date(day), *asked.who, asked.model, asked.version, asked.outcome, gateway)
        db.execute(statement, (*key, *amounts))


def of_day(
    db: Database, day: str, tenant: str = "", user: str = "", skill: str = "", model: str = ""
) -> list[ModelUse]:
    """Of those that are named, where they are; all users together."""
    named = {"tenant": tenant, '"user"': user, "skill": skill, "model": model}
    asked = {"day": day, **{column: value for column, value in named.items() if value}}
    sums = ", ".join(f"sum({each}) AS {each}" for each in _AMOUNTS)
    query = (
        f"SELECT tenant, skill, model, version, outcome, {sums} FROM used_models "  # noqa: S608
        f"WHERE {' AND '.join(f'{column} = ?' for column in asked)} "
        "GROUP BY tenant, skill, model, version, outcome "
        "ORDER BY tenant, skill, model, version, outcome"
    )
    found: dict[tuple[str, str, str, str], tuple[ModelUsed, dict[str, int]]] = {}
    for row in db.execute(query, tuple(asked.values())):
        key = (row["tenant"], row["skill"], row["model"], row["version"])
        used, errors = found.setdefault(key, (ModelUsed(), {}))
        more = _used(row)
        used.add(more)
        if row["outcome"] != OK:
            errors[row["outcome"]] = more.requests
    return [
        ModelUse(
            *(day, tenant, skill, model, version), errors=errors, **msgspec.structs.asdict(used)
        )
        for (tenant, skill, model, version), (used, errors) in found.items()
    ]


def forget(db: Database, day: int) -> None:
    """Drops the use of days that nobody asks for any more."""
    db.execute("DELETE FROM used_models WHERE day < ?", (date(day - KEPT),))


def _places(columns: str) -> str:
    return ", ".join("?" for _ in columns.split(", "))


def _used(row: Row) -> ModelUsed:
    """Postgres adds whole numbers up to decimals."""
    return ModelUsed(
        *(int(row["requests"]), int(row["prompt_tokens"]), int(row["completion_tokens"])),
        *(float(row["milliseconds"]), float(row["waited"])),
        *(int(row["bytes_in"]), int(row["bytes_out"])),
        float(row["cost"]),
    )
