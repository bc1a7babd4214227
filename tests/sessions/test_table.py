"""Where sessions are at home, and for how long."""

from __future__ import annotations

from math import inf

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from catnap.sessions import Entry, Session, Table


def begin(
    table: Table[str],
    session: Session,
    instance: str,
    now: float = 0.0,
    idle: float = 10.0,
    most: int = 0,
) -> Entry[str]:
    return table.begin(session, "r", instance, now, idle, most)


def visit(
    table: Table[str],
    session: Session,
    instance: str,
    now: float = 0.0,
    idle: float = 10.0,
    most: int = 0,
) -> None:
    table.end(begin(table, session, instance, now, idle, most), now)


def where(table: Table[str], session: Session, now: float = 0.0) -> str | None:
    entry = table.home(session, now)
    return entry.instance if entry else None


def test_a_session_is_at_home_where_its_last_call_went() -> None:
    table = Table[str]()
    assert table.home("s", 0) is None
    visit(table, "s", "a")
    assert where(table, "s") == "a"
    visit(table, "s", "b")
    assert where(table, "s") == "b"
    assert (table.count("a"), table.count("b")) == (0, 1)


def test_who_was_quiet_for_too_long_is_a_new_session() -> None:
    table = Table[str]()
    visit(table, "s", "a", 5)
    assert table.home("s", 14.9)
    assert table.home("s", 15) is None
    assert len(table) == table.count("a") == 0


def test_a_call_at_work_keeps_the_home_however_long() -> None:
    table = Table[str]()
    first, second = begin(table, "s", "a"), begin(table, "s", "a")
    table.end(first, 1)
    table.expire(1e9)
    assert table.home("s", 1e9)
    table.end(second, 1e9)
    table.expire(1e9 + 10)
    assert len(table) == 0


def test_calls_before_the_first_has_an_instance_go_to_its_revision() -> None:
    table = Table[str]()
    table.assign("s", "old", 0)
    entry = table.home("s", 0)
    assert entry
    assert (entry.revision, entry.instance) == ("old", None)
    assert table.assign("s", "old", 0) is entry
    table.assign("s", "new", 0)
    assert table.begin("s", "new", "n", 0).revision == "new"


def test_the_idle_leave_an_instance_that_drains_at_once_and_the_busy_when_they_end() -> None:
    table = Table[str]()
    visit(table, "idle", "a")
    entry = begin(table, "busy", "a")
    table.drain("a", 0, until=30)
    assert where(table, "idle") is None
    assert where(table, "busy") == "a"
    table.end(entry, 0)
    assert where(table, "busy") is None
    assert table.count("a") == 0


def test_calls_that_never_end_hold_a_session_at_what_drains_for_so_long_only() -> None:
    table = Table[str]()
    entry = begin(table, "s", "a")
    table.drain("a", 0, until=30)
    assert where(table, "s", 29) == "a"
    assert where(table, "s", 30) is None
    visit(table, "s", "b", 30)
    table.end(entry, 31)
    assert where(table, "s", 31) == "b"


def test_who_loses_its_instance_stays_at_its_revision() -> None:
    table = Table[str]()
    visit(table, "s", "a")
    table.lose("a", 0)
    entry = table.home("s", 0)
    assert entry
    assert (entry.revision, entry.instance) == ("r", None)


def test_what_an_instance_that_was_lost_had_at_work_does_not_count_at_the_next() -> None:
    table = Table[str]()
    old = begin(table, "s", "a")
    table.lose("a", 0)
    new = begin(table, "s", "b")
    table.end(old, 0)
    assert new.calls == 1
    assert table.home("s", 1e9) is new


def test_each_revision_says_how_long_its_own_sessions_may_be_quiet() -> None:
    table = Table[str]()
    visit(table, "long", "a", idle=100)
    visit(table, "short", "b", idle=10)
    table.expire(20)
    assert len(table) == 1
    assert (where(table, "long", 20), where(table, "short", 20)) == ("a", None)
    table.assign("long", "q", 20, idle=30)
    table.expire(30)
    assert len(table) == 0


def test_calls_that_name_a_revision_take_no_session_from_another() -> None:
    table = Table[str]()
    assert table.at("s", "canary", 0) == ("s", "canary")
    visit(table, ("s", "canary"), "c")
    assert table.home("s", 0) is None
    visit(table, "s", "a")
    assert (where(table, "s"), where(table, ("s", "canary"))) == ("a", "c")
    assert table.at("s", "r", 0) == "s", "it is at home there"


def test_an_instance_that_stays_after_all_keeps_the_sessions_it_still_has() -> None:
    table = Table[str]()
    entry = begin(table, "s", "a")
    table.drain("a", 0, until=30)
    table.stay("a")
    table.end(entry, 1)
    assert where(table, "s", 2) == "a"


def test_a_session_departs_from_a_revision_until_that_has_traffic_again() -> None:
    table = Table[str]()
    entry = begin(table, "s", "a")
    table.depart(entry, 30)
    table.depart(entry, 50)
    assert where(table, "s", 29) == "a"
    table.depart(entry, inf)
    assert where(table, "s", 1e9) == "a"
    table.depart(entry, 30)
    assert where(table, "s", 30) is None


def test_of_too_many_the_one_that_was_quiet_longest_is_forgotten() -> None:
    table = Table[str](most=3)
    begin(table, "busy", "a")
    for now, session in enumerate(("1", "2", "1", "3")):
        visit(table, session, "a", now)
    assert [each for each in ("busy", "1", "2", "3") if table.home(each, 5)] == ["busy", "1", "3"]


def test_of_too_many_at_an_instance_the_one_that_was_quiet_longest_there_leaves() -> None:
    table = Table[str]()
    begin(table, "busy", "a")
    steps = [("x", "b"), ("1", "a"), ("2", "a"), ("1", "a"), ("3", "a")]
    for now, (session, instance) in enumerate(steps):
        visit(table, session, instance, now, most=3)
    found = [where(table, each, 5) for each in ("busy", "x", "1", "2", "3")]
    assert found == ["a", "b", "a", None, "a"]


def test_no_session_with_a_call_at_work_leaves_for_another() -> None:
    table = Table[str]()
    begin(table, "1", "a", most=1)
    entry = begin(table, "2", "a", most=1)
    assert (where(table, "1"), where(table, "2")) == ("a", "a")
    table.end(entry, 0)
    visit(table, "3", "a", most=1)
    assert [where(table, each) for each in "123"] == ["a", None, "a"]


SESSIONS: list[Session] = [*"stuv", ("s", "r"), ("t", "r")]
INSTANCES = st.sampled_from("abc")
IDLE = {"r": 10.0, "q": 3.0}
MOST, THERE = 4, 2


class Life(RuleBasedStateMachine):
    """Calls begin and end while time passes and instances come and go."""

    def __init__(self) -> None:
        super().__init__()
        self.table = Table[str](MOST)
        self.now = 0.0
        self.calls: list[Entry[str]] = []

    @rule(session=st.sampled_from(SESSIONS), other=INSTANCES, stay=st.booleans())
    def begin(self, session: Session, other: str, stay: bool) -> None:
        home = self.table.home(session, self.now)
        instance = home.instance if home and home.instance and stay else other
        there = self.table.count(instance)
        entry = begin(self.table, session, instance, self.now, IDLE["r"], THERE)
        assert (entry.session, entry.instance) == (session, instance)
        working = {each for each in (*self.calls, entry) if each.instance == instance}
        assert self.table.count(instance) <= max(THERE, there, len(working))
        assert entry is home or entry.calls == 1
        self.calls.append(entry)

    @rule(which=st.integers(0, 9))
    def end(self, which: int) -> None:
        if self.calls:
            self.table.end(self.calls.pop(which % len(self.calls)), self.now)

    @rule(session=st.sampled_from(SESSIONS), revision=st.sampled_from("rq"))
    def assign(self, session: Session, revision: str) -> None:
        entry = self.table.assign(session, revision, self.now, IDLE[revision])
        assert entry.revision == revision

    @rule(instance=INSTANCES, patience=st.floats(0, 20))
    def drain(self, instance: str, patience: float) -> None:
        self.table.drain(instance, self.now, self.now + patience)
        working = {each for each in self.calls if self.table.home(each.session, self.now) is each}
        assert self.table.count(instance) == sum(each.instance == instance for each in working)

    @rule(instance=INSTANCES)
    def stay(self, instance: str) -> None:
        self.table.stay(instance)

    @rule(which=st.integers(0, 9), patience=st.floats(0, 20))
    def depart(self, which: int, patience: float) -> None:
        if self.calls:
            self.table.depart(self.calls[which % len(self.calls)], self.now + patience)

    @rule(instance=INSTANCES)
    def lose(self, instance: str) -> None:
        self.table.lose(instance, self.now)
        assert self.table.count(instance) == 0

    @rule(seconds=st.floats(0, 15))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_table_is_bounded_and_each_session_counts_at_one_instance_at_most(self) -> None:
        self.table.expire(self.now)
        at_home = sum(bool(where(self.table, each, self.now)) for each in SESSIONS)
        assert len(self.table) <= MOST
        assert sum(map(self.table.count, "abc")) == at_home

    @invariant()
    def a_call_counts_where_its_session_is_at_home_and_nowhere_else(self) -> None:
        for session in SESSIONS:
            home = self.table.home(session, self.now)
            if home:
                assert home.calls == self.calls.count(home)
                assert home.calls or home.since + home.idle > self.now


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
