"""Operations take turns, and work in the background comes last."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.resilience.backoff import FIRST, LONGEST, Repeats, pause
from gateway.resilience.line import Line

OPERATIONS = st.lists(st.tuples(st.sampled_from("abcd"), st.booleans()), max_size=40)


def served(line: Line[int]) -> list[int]:
    order = []
    while (first := line.first()) is not None:
        operation, waiter, _ = first
        order.append(waiter)
        line.serve(operation, waiter)
    return order


def test_a_large_operation_and_a_small_one_take_turns() -> None:
    line: Line[int] = Line()
    for waiter in range(6):
        line.join("large", waiter, background=False)
    line.join("small", 10, background=False)
    line.join("small", 11, background=False)
    assert served(line) == [0, 10, 1, 11, 2, 3, 4, 5]


def test_work_in_the_background_waits_for_all_callers() -> None:
    line: Line[int] = Line()
    line.join("scan", 1, background=True)
    line.join("caller", 2, background=False)
    assert line.first() == ("caller", 2, False)
    assert served(line) == [2, 1]


@given(OPERATIONS)
def test_all_are_served_once_and_an_operation_keeps_its_order(joins: list[tuple[str, bool]]) -> None:
    line: Line[int] = Line()
    for waiter, (operation, background) in enumerate(joins):
        line.join(operation, waiter, background=background)
    assert len(line) == len(joins)
    order = served(line)
    assert sorted(order) == list(range(len(joins)))
    for operation in "abcd":
        for background in (False, True):
            own = [w for w in order if joins[w] == (operation, background)]
            assert own == sorted(own)
    assert not line


@given(OPERATIONS)
def test_who_is_next_can_be_served_at_once(joins: list[tuple[str, bool]]) -> None:
    lines: list[Line[int]] = [Line(), Line()]
    for waiter, (operation, background) in enumerate(joins):
        for line in lines:
            line.join(operation, waiter, background=background)
    one, other = lines
    assert [one.pop() for _ in joins] == served(other)
    assert one.pop() is None


@given(OPERATIONS, st.sampled_from("abcd"), st.booleans())
def test_how_many_come_first_is_known_beforehand(
    joins: list[tuple[str, bool]], operation: str, background: bool
) -> None:
    line: Line[int] = Line()
    for waiter, (of, behind) in enumerate(joins):
        line.join(of, waiter, background=behind)
    before = line.ahead_of(operation, background=background)
    line.join(operation, -1, background=background)
    place = served(line).index(-1)
    assert abs(place - before) <= 3  # the rotation may begin with any of the four


@given(OPERATIONS, st.data())
def test_who_leaves_is_not_served(joins: list[tuple[str, bool]], data: st.DataObject) -> None:
    line: Line[int] = Line()
    for waiter, (operation, background) in enumerate(joins):
        line.join(operation, waiter, background=background)
    gone = data.draw(st.sets(st.sampled_from(range(len(joins))))) if joins else set()
    for waiter in gone:
        line.leave(joins[waiter][0], waiter)
    assert set(served(line)) == set(range(len(joins))) - gone


@given(st.integers(1, 50), st.floats(0, 1))
def test_a_pause_is_thrown_between_nothing_and_its_bound(attempt: int, dice: float) -> None:
    assert 0 <= pause(attempt, dice) <= min(LONGEST, FIRST * 2 ** (attempt - 1))


def test_in_the_long_run_a_fifth_of_the_calls_are_repeats() -> None:
    repeats = Repeats()
    made = 0
    for _ in range(1_000):
        repeats.earn()
        made += repeats.spend()
    assert 200 <= made <= 211
