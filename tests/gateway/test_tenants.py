"""Two tenants do whatever they do, at one time, and neither sees anything of the
other: thousands of drawn operations on a real gateway, beside a model of what
each of them may see. TENANT_OPERATIONS: how many, on each store.
"""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from tests.gateway.stores import STORES
from tests.gateway.tenants.keeper import Keeper
from tests.gateway.tenants.operation import SCOPES, Operation, keepings, operations
from tests.gateway.tenants.reach import TENANTS, Reach, reached, secret
from tests.gateway.tenants.surfaces import Credential
from tests.gateway.tenants.user import User

OPERATIONS = int(os.environ.get("TENANT_OPERATIONS", "300"))
STEPS = 25
"""At most, of one run."""

USERS = ("ada", "bob")
"""Of each tenant. The first has a key of her own, for the second the tenant's
own service asks."""

AT_ONCE = len(TENANTS) * (len(USERS) + 1)
"""Operations of one step."""


@dataclass
class Stage:
    """The gateway, and the loop that it runs in."""

    runner: asyncio.Runner
    reach: Reach
    runs: Iterator[int] = field(default_factory=itertools.count)
    done: int = 0


class Tenants(RuleBasedStateMachine):
    """A run: users whom no other run has, all with names that both tenants have."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.whole = True
        """Whether no step broke off, so that the models are right."""
        mark = str(next(stage.runs))
        self.keepers = [
            Keeper(stage.reach, tenant, secret(tenant, "keeper"), mark) for tenant in TENANTS
        ]
        self.users = stage.runner.run(self._users(mark))

    async def _users(self, mark: str) -> list[User]:
        users = []
        for keeper in self.keepers:
            own, served = (f"{name}-{mark}" for name in USERS)
            key = await keeper.create(f"own-{mark}", own)
            users.append(User(keeper.tenant, own, Credential(keeper.reach, key)))
            service = Credential(keeper.reach, secret(keeper.tenant, "service"), served)
            users.append(User(keeper.tenant, served, service))
        return users

    @rule(
        done=st.tuples(*(operations() for _ in range(len(TENANTS) * len(USERS)))),
        kept=st.tuples(*(keepings() for _ in TENANTS)),
    )
    def all_at_once(self, done: tuple[Operation, ...], kept: tuple[Operation, ...]) -> None:
        self.whole = False
        self.stage.runner.run(self._all_at_once(done, kept))
        self.whole = True
        self.stage.done += AT_ONCE

    async def _all_at_once(self, done: tuple[Operation, ...], kept: tuple[Operation, ...]) -> None:
        async with asyncio.TaskGroup() as group:
            for user, operation in zip(self.users, done, strict=True):
                others = [each for each in self.users if each is not user]
                group.create_task(user.do(operation, others))
            for keeper, other, operation in zip(
                self.keepers, reversed(self.keepers), kept, strict=True
            ):
                group.create_task(keeper.do(operation, other))

    def teardown(self) -> None:
        if self.whole:
            self.stage.runner.run(self._look_around())

    async def _look_around(self) -> None:
        """A tenant's own service sees each user's files as they do."""
        for user in self.users:
            by = Credential(user.by.reach, secret(user.tenant, "service"), user.name)
            seen = User(user.tenant, user.name, by)
            for scope in SCOPES:
                assert await seen.over("http").keys(scope, "") == user.keys(scope, "")
            for (scope, key), content in user.files.items():
                assert await seen.over("grpc").get(scope, key) == content


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        parts = AsyncExitStack()
        try:
            reach = runner.run(parts.enter_async_context(reached(request.param, tmp_path)))
            yield Stage(runner, reach)
        finally:
            runner.run(parts.aclose())


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("stage", STORES, indirect=True)
def test_two_tenants_see_nothing_of_one_another(stage: Stage) -> None:
    runs = -(-OPERATIONS // (STEPS * AT_ONCE))
    run_state_machine_as_test(
        lambda: Tenants(stage),
        settings=settings(
            max_examples=runs,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            # What ran at one time does not run again in the same order.
            phases=(Phase.generate,),
            report_multiple_bugs=False,
        ),
    )
    assert stage.done >= OPERATIONS
