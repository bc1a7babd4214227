"""Where sessions are at home, and for how long."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from catnap.sessions import Entry, Table


def test_a_session_is_at_home_where_its_last_call_went() -> None:
    table = Table[str](idle=10)
    assert table.home("s", 0) is None
    table.end(table.begin("s", "a", 0), 1)
    home = table.home("s", 10)
    assert home is not None
    assert home.instance == "a"
    table.end(table.begin("s", "b", 10), 10)
    assert (table.count("a"), table.count("b")) == (0, 1)


def test_who_was_quiet_for_too_long_has_no_home() -> None:
    table = Table[str](idle=10)
    table.end(table.begin("s", "a", 0), 5)
    assert table.home("s", 14.9)
    assert table.home("s", 15) is None
    assert len(table) == table.count("a") == 0


def test_a_call_at_work_keeps_the_home_however_long() -> None:
    table = Table[str](idle=10)
    first, second = table.begin("s", "a", 0), table.begin("s", "a", 0)
    table.end(first, 1)
    table.expire(1e9)
    assert table.home("s", 1e9)
    table.end(second, 1e9)
    table.expire(1e9 + 10)
    assert len(table) == 0


def test_an_instance_that_drains_is_left_at_once_by_the_idle_and_by_the_busy_when_they_end() -> (
    None
):
    table = Table[str](idle=10)
    table.end(table.begin("idle", "a", 0), 0)
    entry = table.begin("busy", "a", 0)
    table.drain("a")
    assert table.home("idle", 0) is None
    assert table.home("busy", 0) is entry
    table.end(entry, 0)
    assert table.home("busy", 0) is None


def test_an_instance_that_is_lost_is_nobodys_home_and_what_it_had_at_work_changes_nothing() -> None:
    table = Table[str](idle=10)
    old = table.begin("s", "a", 0)
    table.lose("a")
    new = table.begin("s", "b", 0)
    assert new.epoch > old.epoch
    table.end(old, 0)
    assert table.home("s", 1e9) is new


def test_an_epoch_that_is_over_is_refused() -> None:
    table = Table[str]()
    old = table.begin("s", "a", 0)
    assert table.holds("s", old.epoch)
    new = table.begin("s", "b", 0)
    assert new.epoch == old.epoch + 1
    assert table.holds("s", new.epoch)
    assert not table.holds("s", old.epoch)


def test_of_too_many_the_one_that_was_quiet_longest_is_forgotten() -> None:
    table = Table[str](most=3)
    table.begin("busy", "a", 0)
    for now, session in enumerate(("1", "2", "1", "3")):
        table.end(table.begin(session, "a", now), now)
    assert [each for each in ("busy", "1", "2", "3") if table.home(each, 5)] == ["busy", "1", "3"]


def test_the_session_that_was_quiet_longest_at_an_instance_makes_place() -> None:
    table = Table[str]()
    table.begin("busy", "a", 0)
    for now, (session, instance) in enumerate([("x", "b"), ("1", "a"), ("2", "a"), ("1", "a")]):
        table.end(table.begin(session, instance, now), now)
    assert table.displace("a")
    assert [each for each in ("busy", "x", "1", "2") if table.home(each, 5)] == ["busy", "x", "1"]
    assert table.displace("a")
    assert not table.displace("a")


def test_what_there_is_can_be_seen_and_does_not_change_afterwards() -> None:
    table = Table[str](idle=10)
    table.end(table.begin("gone", "a", 0), 0)
    table.end(table.begin("idle", "a", 5), 5)
    table.begin("busy", "b", 5)
    seen = table.snapshot(10)
    table.lose("a")
    assert (seen.sessions, seen.busy, dict(seen.instances)) == (2, 1, {"a": 1, "b": 1})


MOST, IDLE = 4, 10.0


class Life(RuleBasedStateMachine):
    """Calls begin and end while time passes and instances come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table[str](IDLE, MOST)
        self.now = 0.0
        self.calls: list[Entry[str]] = []
        self.epochs: dict[str, int] = {}
        self.homes: dict[str, str] = {}

    @rule(session=st.sampled_from("stuvwx"), other=st.sampled_from("abc"), stay=st.booleans())
    def begin(self, session: str, other: str, stay: bool) -> None:
        home = self.table.home(session, self.now)
        instance = home.instance if home and stay else other
        entry = self.table.begin(session, instance, self.now)
        assert (entry.session, entry.instance) == (session, instance)
        before = self.epochs.get(session, 0)
        assert entry.epoch == before if entry is home else entry.epoch > before
        self.epochs[session] = entry.epoch
        self.calls.append(entry)

    @rule(which=st.integers(0, 9))
    def end(self, which: int) -> None:
        if self.calls:
            self.table.end(self.calls.pop(which % len(self.calls)), self.now)

    @rule(instance=st.sampled_from("abc"))
    def drain(self, instance: str) -> None:
        self.table.drain(instance)
        assert self.table.snapshot(self.now).instances.get(instance, 0) == sum(
            self.at_home(entry) for entry in set(self.calls) if entry.instance == instance
        )

    @rule(instance=st.sampled_from("abc"))
    def lose(self, instance: str) -> None:
        self.table.lose(instance)
        assert self.table.count(instance) == 0

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    def at_home(self, entry: Entry[str]) -> bool:
        return self.table.home(entry.session, self.now) is entry

    @invariant()
    def the_table_is_bounded_and_counts_agree(self) -> None:
        seen = self.table.snapshot(self.now)
        assert seen.busy <= seen.sessions == sum(seen.instances.values()) <= MOST

    @invariant()
    def an_epoch_is_refused_once_its_home_is_lost(self) -> None:
        for entry in self.calls:
            assert self.table.holds(entry.session, entry.epoch) == self.at_home(entry)

    @invariant()
    def only_who_has_a_call_at_work_never_expires(self) -> None:
        working = {entry.session for entry in self.calls if self.at_home(entry)}
        for session in "stuvwx":
            home = self.table.home(session, self.now)
            if home:
                assert (home.session in working) == (home.expires > self.now + IDLE)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
