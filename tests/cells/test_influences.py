"""The influence matrix over many steps is that of one step after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from rnncore import GRU, LSTM, RTRL, Linear, Masked, Network, SquaredError, Vanilla
from rnncore.cells import Cell, base
from rnncore.cells import influence as module
from rnncore.cells.influence import immediate
from rnncore.cells.tape import Stretch
from rnncore.verify import relative_error
from tests.cells.test_stretch import CELLS, B, Case, T, near
from tests.support import zoo

Array = np.ndarray
Change = Callable[[int, Array], None]


def start_of(cell: Cell, dtype: Any = np.float64) -> Array:
    """An influence matrix to start from, with rows of a learned start after the parameters'."""
    rng = np.random.default_rng(13)
    return rng.standard_normal((B, cell.size + 2, cell.state_size)).astype(dtype)


def leave(t: int, influence: Array) -> None:
    """No change between two steps."""


def forget(t: int, influence: Array) -> None:
    """As a teacher does to the units that it forces."""
    influence[t % B, :, t % influence.shape[2]] = 0


def one_by_one(case: Case, change: Change) -> Iterator[Array]:
    """By the cell's own single steps."""
    s, influence = case.s, start_of(case.cell, case.s.dtype)
    for t, x in enumerate(case.x):
        s, tape = case.cell.step(case.weights, s, x)
        influence = case.cell.influence_step(case.weights, tape, influence)
        change(t, influence)
        yield influence.copy()


def together(case: Case, change: Change) -> Iterator[Array]:
    """By ``influences`` over the tapes of a run."""
    tapes, _, _ = case.run()
    before = start_of(case.cell, case.s.dtype)
    before.flags.writeable = False
    for t, influence in enumerate(case.cell.influences(case.weights, tapes, before)):
        assert influence.dtype == case.s.dtype
        change(t, influence)
        yield influence.copy()


@pytest.mark.parametrize("name", CELLS)
def test_one_step_after_the_other(name: str) -> None:
    """However many are prepared together, and with what changes in between."""
    case = Case(CELLS[name]())
    for change in (leave, forget):
        want = [*one_by_one(case, change)]
        assert len(want) == T and np.abs(want).max() > 0.1
        assert relative_error(want[-1], [*one_by_one(case, leave)][-1]) > 0.1 or change is leave
        rows, size, n = case.cell.size + 2, case.cell.state_size, case.cell.output_size
        for cached in (1, 2 * B * size * (rows + n), 10**6):  # one step, a few, all at once
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(base, "CACHED", cached)
                got = [*together(case, change)]
            near(np.array(got), np.array(want))


@pytest.mark.parametrize("several", [1, 2, 3])
def test_no_more_is_prepared_than_stays_in_the_cache(several: int) -> None:
    """Of each step the Jacobian of the state by h."""
    for room in (several * B * 6 * 3, (several + 1) * B * 6 * 3 - 1):
        assert prepared(LSTM(2, 3), room) == several


def test_what_is_prepared_is_small_beside_the_influence_matrix() -> None:
    """A quarter of it at most, but for a few steps."""
    assert prepared(LSTM(2, 3), 10**6) == module.FEW == 8
    cell = Vanilla(40, 3)
    assert prepared(cell, 10**6) == (cell.size + 2) * 3 // (4 * 3 * 3) == 11


def prepared(cell: Cell, room: int) -> int:
    """Of how many steps at most ``influences`` prepares something, where the cache has room."""
    case, found = Case(cell, steps=24), []
    tapes, _, _ = case.run()

    def counted(cell: Any, d: Any, *rest: Any) -> Any:
        found.append(len(next(iter(d.du.values()))))
        return immediate(cell, d, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "CACHED", room)
        patch.setattr(module, "immediate", counted)
        assert len([*cell.influences(case.weights, tapes, start_of(cell))]) == sum(found) == 24
    return max(found)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
@pytest.mark.parametrize("cell", [Vanilla(2, 3), GRU(2, 3), LSTM(2, 3)], ids=repr)
def test_types_are_kept(cell: Cell, dtype: Any) -> None:
    tight = 1e-5 if dtype is np.float32 else 1e-12
    case = Case(cell, dtype=dtype)
    got, want = (np.array([*way(case, leave)]) for way in (together, one_by_one))
    assert relative_error(got, want) < tight


def test_the_influence_of_one_unit_lies_in_one_piece() -> None:
    """What RTRL's speed rests on: long runs that are multiplied by one number."""
    case = Case(LSTM(2, 3))
    tapes, _, _ = case.run()
    assert isinstance(tapes, Stretch)
    for influence in case.cell.influences(case.weights, tapes, start_of(case.cell)):
        assert influence.swapaxes(1, 2).flags.c_contiguous
    learner = RTRL(Network(LSTM(2, 3), Linear(3, 1), SquaredError()))
    params = learner.network.init_params(np.random.default_rng(0))
    memory = learner.init(params)
    assert memory.influence.swapaxes(1, 2).flags.c_contiguous
    memory, _ = learner.step(params, memory, np.ones(2), np.zeros(1))
    assert memory.influence.swapaxes(1, 2).flags.c_contiguous


class Halved(GRU):
    """Passes half of all tangents on, by its own push."""

    def push(self, *args: Any, **kwargs: Any) -> Array:
        return super().push(*args, **kwargs) / 2


class Added(Vanilla):
    """Adds to the influence of its parameters."""

    def influence_step(self, *args: Any, **kwargs: Any) -> Array:
        return super().influence_step(*args, **kwargs) + 1


class AddedMask(Masked):
    """The same around another cell."""

    def influence_step(self, *args: Any, **kwargs: Any) -> Array:
        return super().influence_step(*args, **kwargs) + 1


@pytest.mark.parametrize(
    "cell", [Halved(2, 3), Added(2, 3), AddedMask(GRU(2, 3), {"U": zoo.RING})], ids=repr
)
def test_a_step_of_its_own_is_respected(cell: Cell) -> None:
    case = Case(cell)
    near(np.array([*together(case, leave)]), np.array([*one_by_one(case, leave)]))
