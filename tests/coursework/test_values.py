"""Values as JSON, and what the kernel's side of it does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coursework import inside
from coursework.values import ValueFormatError, decode, dumps, encode, loads


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b, True)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -0.1,
        "text",
        np.arange(6).reshape(2, 3),
        np.array([1.5, np.nan, np.inf]),
        np.array(2.0),
        np.zeros((0, 3)),
        np.float32([0.1]),
        np.array([True]),
        (1, [2, (3,)], {"a": np.ones(2), "b": {}}),
    ],
)
def test_round_trip(value: Any) -> None:
    assert same(value, loads(dumps(value)))


plain = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text()
plain |= st.floats(allow_nan=False)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner) | st.dictionaries(st.text(), inner) | st.lists(inner).map(tuple)


@given(st.recursive(plain, nested, max_leaves=8))
def test_round_trip_of_anything_nested(value: Any) -> None:
    assert same(value, loads(dumps(value)))


def test_a_scalar_of_numpy_becomes_an_array() -> None:
    assert same(loads(dumps(np.int64(3))), np.array(3))


@pytest.mark.parametrize("value", [1j, {1}, object(), np.array([1j]), np.array(["a"]), b"x"])
def test_what_is_no_value_is_refused(value: Any) -> None:
    with pytest.raises(ValueFormatError):
        encode(value)


@pytest.mark.parametrize(
    "data", [[1], {}, {"array": [1]}, {"array": [1], "dtype": "O", "shape": [1]}]
)
def test_data_that_is_no_value_is_refused(data: Any) -> None:
    with pytest.raises(ValueFormatError):
        decode(data)


@pytest.mark.parametrize("text", ["", "{", "[" * 10**5, "[1]", '{"list": 3}', "1" * 5000])
def test_text_that_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueFormatError):
        loads(text)


class Shell:
    """What the kernel's side needs of IPython."""

    def __init__(self, **names: Any) -> None:
        self.user_ns, self.published = names, []
        self.display_pub = self

    def publish(self, data: dict[str, str]) -> None:
        self.published.append(data)


def ask(monkeypatch: pytest.MonkeyPatch, function: Any, *cases: Any) -> list[Any]:
    import IPython

    shell = Shell(f=function)
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    inside.report("f", json.loads(json.dumps([encode(case) for case in cases])), "mime")
    (only,) = shell.published
    return json.loads(only["mime"])


def test_the_kernel_reports_what_the_function_returns(monkeypatch: pytest.MonkeyPatch) -> None:
    case = (np.arange(3.0), [1, (2, "a")], {"k": np.ones((2, 2))})
    (result,) = ask(monkeypatch, lambda *a: a, case)
    assert same(decode(result["value"]), case)


def test_the_kernel_reports_errors_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    results = ask(monkeypatch, lambda x: 1 / x, (0,), (2,))
    assert results == [{"error": "ZeroDivisionError: division by zero"}, {"value": 0.5}]


@pytest.mark.parametrize("value", [1j, {1}, np.array([1j]), object()])
def test_the_kernel_reports_what_is_no_value(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = ask(monkeypatch, lambda: value, ())
    assert result["error"].startswith("TypeError: numbers")


def test_the_kernel_reports_a_missing_function(monkeypatch: pytest.MonkeyPatch) -> None:
    (result,) = ask(monkeypatch, None, ())
    assert result == {"error": "NameError: there is no function f"}
