"""What is made when somebody looks at it, and only then."""

from gateway.lazy import Late


class Maker:
    """Makes a list, and counts."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[str]:
        self.times += 1
        return ["a", "b"]


def test_a_late_list_is_made_once_and_not_before_somebody_looks() -> None:
    make = Maker()
    late = Late(make)
    assert make.times == 0
    assert (late[0], late[:1], len(late), [*late], "b" in late) == ("a", ["a"], 2, ["a", "b"], True)
    assert make.times == 1


def test_a_late_list_is_what_a_list_is() -> None:
    assert Late(Maker()) == ["a", "b"]
    assert Late(Maker()) == Late(Maker())
    assert Late(Maker()) != ["a"]
    assert not Late(list)
