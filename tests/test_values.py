"""Frozen values: what every pure layer is made of."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardian.values import Value


class Point(Value):
    """Two numbers, one with a default."""

    x: int
    y: int = 7


class Twin(Value):
    """The same fields under another name."""

    x: int
    y: int = 7


class Named(Point):
    """A point with more, and another default."""

    y: int = 8
    name: str = ""

    @property
    def loud(self) -> str:
        """The name, in capitals."""
        return self.name.upper()


class Empty(Value):
    """Nothing."""


class Same(Point):
    """A point under another class, without fields of its own."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Point(1), "Point(x=1, y=7)"),
        (Point(1, 2), "Point(x=1, y=2)"),
        (Point(y=2, x=1), "Point(x=1, y=2)"),
        (Named(1), "Named(x=1, y=8, name='')"),
        (Named(1, 2, "a\nb"), "Named(x=1, y=2, name='a\\nb')"),
        (Empty(), "Empty()"),
        (Same(3), "Same(x=3, y=7)"),
    ],
)
def test_a_value_is_made_by_its_fields(value: Value, text: str) -> None:
    """Fields come in the order of the class bodies, bases first; defaults fill in; the repr shows all."""
    assert repr(value) == text


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Point(), "missing 1 required positional argument: 'x'"),
        (lambda: Point(1, 2, 3), "takes from 2 to 3 positional arguments but 4 were given"),
        (lambda: Point(1, z=3), "unexpected keyword argument 'z'"),
        (lambda: Point(1, x=3), "multiple values for argument 'x'"),
        (lambda: Empty(1), "takes 1 positional argument but 2 were given"),
        (lambda: Point(1).replace(z=3), "unexpected keyword argument 'z'"),
    ],
)
def test_wrong_fields_are_refused(make: object, words: str) -> None:
    """A missing, unknown or doubled field is a TypeError that names the class, as for a function."""
    with pytest.raises(TypeError, match=words) as caught:
        make()  # type: ignore[operator]
    assert ".__init__()" in str(caught.value)


def test_a_value_is_frozen() -> None:
    """Nobody sets, adds or deletes a field; the message names class and field."""
    point = Point(1)
    with pytest.raises(AttributeError, match="Point is frozen: x cannot be set"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="Point is frozen: colour cannot be set"):
        point.colour = 2  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="Point is frozen: x cannot be deleted"):
        del point.x
    assert point == Point(1)
    assert not hasattr(point, "__dict__")


NUMBERS = st.integers(-3, 3)


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_values_are_equal_by_class_and_fields(a: int, b: int, c: int, d: int) -> None:
    """Two values are equal when class and fields are, and then they have one hash."""
    assert (Point(a, b) == Point(c, d)) == ((a, b) == (c, d))
    if Point(a, b) == Point(c, d):
        assert hash(Point(a, b)) == hash(Point(c, d))
    assert len({Point(a, b), Point(a, b), Twin(a, b)}) == 2


@pytest.mark.parametrize("other", [Twin(1), Same(1), Named(1, 7), (1, 7), None, 1, "Point(x=1, y=7)"])
def test_another_class_is_never_equal(other: object) -> None:
    """The same fields under another class, a subclass included, are another value."""
    assert Point(1) != other
    assert other != Point(1)


def test_a_field_that_cannot_be_hashed() -> None:
    """A value with a field that has no hash has none either, and says so."""
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        hash(Point([1]))  # type: ignore[arg-type]


@given(NUMBERS, NUMBERS, st.text(max_size=3))
def test_replace_changes_what_it_is_told(x: int, y: int, name: str) -> None:
    """A replaced value differs in the named fields only, has the same class, and the old one stays."""
    before = Named(x, y, "old")
    after = before.replace(name=name)
    assert type(after) is Named
    assert after.asdict() == before.asdict() | {"name": name}
    assert before == Named(x, y, "old")
    assert before.replace() == before


def test_inheritance() -> None:
    """A subclass has its base's fields first, may change their defaults, and is one of its base's kind."""
    named = Named(1, name="bun")
    assert isinstance(named, Point)
    assert named.astuple() == (1, 8, "bun")
    assert list(named.asdict()) == ["x", "y", "name"]
    assert named.loud == "BUN"
    assert Point(1).y == 7


@pytest.mark.parametrize("value", [Point(1, 2), Named(1, 2, "n"), Empty(), Point((1, "a"), Twin(1))])  # type: ignore[arg-type]
@pytest.mark.parametrize(
    "trip",
    [lambda v: pickle.loads(pickle.dumps(v)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_values_survive_the_trip(value: Value, trip: object) -> None:
    """A value that was pickled or copied is the same value, and frozen still."""
    back = trip(value)  # type: ignore[operator]
    assert back == value
    assert type(back) is type(value)
    assert hash(back) == hash(value)
    with pytest.raises(AttributeError):
        back.x = 5


def test_only_the_fields_take_room() -> None:
    """A value has a slot per field and no more: there are thousands of them in a round (P12)."""
    assert Point.__slots__ == ("x", "y")
    assert Named.__slots__ == ("name",)
    assert Same.__slots__ == ()


def test_an_initialiser_of_its_own_stays() -> None:
    """A class that writes its own __init__ keeps it; a field can be computed in a property."""

    class Half(Value):
        x: int

        def __init__(self, twice: int) -> None:
            Half.x.__set__(self, twice // 2)  # type: ignore[attr-defined]

    assert repr(Half(6)) == "Half(x=3)"
