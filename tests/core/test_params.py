"""Parameters: immutable, flat both ways, saved without pickle, refused by name."""

import numpy as np
import pytest

from rnncore import Params


@pytest.fixture
def params() -> Params:
    return Params({"W": np.arange(6.0).reshape(2, 3), "b": [10.0, 20.0]})


def test_flat_both_ways(params: Params) -> None:
    assert params.size == 8
    assert params.shapes == {"W": (2, 3), "b": (2,)}
    np.testing.assert_array_equal(params.flat(), [0, 1, 2, 3, 4, 5, 10, 20])
    again = params.unflatten(params.flat() * 2)
    np.testing.assert_array_equal(again["b"], [20, 40])
    assert params.unravel(4) == ("W", (1, 1))
    assert params.unravel(7) == ("b", (1,))
    with pytest.raises(IndexError, match="entry: expected 0 to 7, got 8"):
        params.unravel(8)
    with pytest.raises(ValueError, match=r"vector: expected shape \(8,\), got \(7,\)"):
        params.unflatten(np.zeros(7))
    assert Params({}).flat().shape == (0,)
    assert Params({}).dtype == np.float64


def test_nothing_can_change(params: Params) -> None:
    given = np.zeros(2)
    kept = Params({"a": given})
    given[0] = 5
    assert kept["a"][0] == 0
    with pytest.raises(ValueError, match="read-only"):
        params["W"][0, 0] = 1
    with pytest.raises(TypeError):
        params["W"] = np.zeros((2, 3))  # type: ignore[index]


def test_own_arrays_are_taken_over(params: Params) -> None:
    given = {"W": np.ones((2, 3)), "b": np.zeros(2)}
    taken = Params.own(given)
    assert taken["W"] is given["W"]
    assert taken.shapes == params.shapes
    with pytest.raises(ValueError, match="read-only"):
        given["W"][0, 0] = 2


def test_another_order(params: Params) -> None:
    turned = params.ordered(["b", "W"])
    assert turned.names == ("b", "W")
    assert turned == params
    with pytest.raises(ValueError, match=r"parameters: missing \['a'\], unknown \['b'\]"):
        params.ordered(["a", "W"])


def test_algebra(params: Params) -> None:
    np.testing.assert_array_equal((params + params).flat(), 2 * params.flat())
    np.testing.assert_array_equal((params - 0.5 * params).flat(), params.flat() / 2)
    np.testing.assert_array_equal((-params).flat(), -params.flat())
    np.testing.assert_array_equal((params * np.float64(3)).flat(), 3 * params.flat())
    np.testing.assert_array_equal((np.float64(3) * params).flat(), 3 * params.flat())
    assert params.norm() == pytest.approx(np.linalg.norm(params.flat()))
    assert params.zeros_like().norm() == 0
    assert params.zeros_like("f4").dtype == np.float32
    with pytest.raises(ValueError, match=r"missing \['b'\], unknown \['c'\]"):
        params + Params({"W": params["W"], "c": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"b: expected shape \(2,\), got \(1,\)"):
        params + Params({"W": params["W"], "b": [1.0]})
    with pytest.raises(TypeError):
        params + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        params * np.ones(2)  # type: ignore[operator]


def test_equality_is_by_value(params: Params) -> None:
    assert params == Params({"b": params["b"], "W": params["W"]})
    assert params != params + params
    assert params != params.select("W")
    assert params != 3


def test_names(params: Params) -> None:
    both = Params.merge(params.prefixed("0."), params.prefixed("1."))
    assert both.names == ("0.W", "0.b", "1.W", "1.b")
    assert both.select("1.").names == ("W", "b")
    with pytest.raises(ValueError, match="'W' stands in two"):
        Params.merge(params, params)
    with pytest.raises(KeyError, match="no parameter 'U'; there are"):
        params["U"]
    assert repr(params) == "Params(W: (2, 3), b: (2,))"
    replaced = params.replace(b=[1.0, 2.0])
    np.testing.assert_array_equal(replaced["b"], [1, 2])
    with pytest.raises(ValueError, match="b: expected shape"):
        params.replace(b=[1.0])


def test_what_is_not_a_number_is_refused() -> None:
    with pytest.raises(TypeError, match="W: expected numbers"):
        Params({"W": ["a"]})
    with pytest.raises(TypeError, match="expected names that are strings"):
        Params({1: [1.0]})  # type: ignore[dict-item]


def test_files(params: Params, tmp_path) -> None:
    path = tmp_path / "params.npz"
    params.save(path)
    loaded = Params.load(path, like=params)
    assert loaded.names == params.names
    np.testing.assert_array_equal(loaded.flat(), params.flat())
    with pytest.raises(ValueError, match=r"missing \['U'\]"):
        Params.load(path, like=Params({"W": params["W"], "b": params["b"], "U": [1.0]}))
    with pytest.raises(ValueError, match=r"'b'\]: expected shape \(3,\), got \(2,\)"):
        Params.load(path, like=Params({"W": params["W"], "b": np.zeros(3)}))
    Params({"W": [np.nan]}).save(path)
    with pytest.raises(ValueError, match="expected finite numbers"):
        Params.load(path, like=Params({"W": [1.0]}))


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_truncated_file_is_refused(params: Params, tmp_path, keep: int) -> None:
    path = tmp_path / "params.npz"
    params.save(path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="is not a complete .npz file"):
        Params.load(path)


def test_a_pickle_or_a_missing_file_is_refused(tmp_path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, a=np.array([{}], dtype=object))
    with pytest.raises(ValueError, match="is not a complete .npz file"):
        Params.load(path)
    with pytest.raises(FileNotFoundError):
        Params.load(tmp_path / "none.npz")
