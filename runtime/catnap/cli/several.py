"""A command for several skills: what becomes of one leaves the others be."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, TypeVar

from catnap.cli import exits, output
from catnap.client import Unreachable
from catnap.errors import CatnapError

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """Of one skill: what was answered, or the problem."""

    skill: str
    answer: T | None = None
    problem: CatnapError | None = None


def for_each(skills: Iterable[str], ask: Callable[[str], T]) -> list[Outcome[T]]:
    """Asks for one after the other. Once nobody answers, nobody is asked for
    the others: they have the same problem."""
    outcomes: list[Outcome[T]] = []
    nobody: Unreachable | None = None
    for skill in skills:
        if nobody:
            outcomes.append(Outcome(skill, problem=nobody))
            continue
        try:
            outcomes.append(Outcome(skill, ask(skill)))
        except CatnapError as error:
            nobody = error if isinstance(error, Unreachable) else None
            outcomes.append(Outcome(skill, problem=error))
    return outcomes


def failures(outcomes: Iterable[Outcome[T]], done: str) -> int:
    """Says what failed, a line for each problem; gives the exit status: the
    first one's.

    done: what none of these is, as in `echo is not deployed`.
    """
    status = 0
    for problem, having in groupby(outcomes, key=lambda each: each.problem):
        if problem is None:
            continue
        skills = [each.skill for each in having]
        verb = "is" if len(skills) == 1 else "are"
        output.note(f"catnap: {', '.join(skills)} {verb} not {done}: {exits.line(problem)}")
        status = status or exits.status(problem)
    return status
