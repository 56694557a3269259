"""Parameters of a network: a small immutable mapping from names to arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnncore import checks

Array = np.ndarray


class Params(Mapping[str, Array]):
    """An immutable mapping of named arrays, with a flat view both ways.

    The arrays are read-only copies of what was given. Gradients, updates and
    tangents have the same type, so that ``params - rate * grads`` reads as it
    should.

    Parameters
    ----------
    arrays
        Mapping from names to arrays of numbers. The order is kept: it is the
        order of :meth:`flat`.

    Raises
    ------
    TypeError
        If a name is not a string or a value does not hold numbers.

    Examples
    --------
    >>> p = Params({"W": [[1.0, 2.0]], "b": [3.0]})
    >>> p.flat()
    array([1., 2., 3.])
    >>> (p - 0.5 * p)["b"]
    array([1.5])
    >>> p.unflatten([4.0, 5.0, 6.0])["W"]
    array([[4., 5.]])
    """

    __slots__ = ("_arrays",)
    __array_ufunc__ = None  # a NumPy scalar in front of * leaves the product to __rmul__

    def __init__(self, arrays: Mapping[str, Any]) -> None:
        kept: dict[str, Array] = {}
        for name, value in arrays.items():
            if not isinstance(name, str):
                raise TypeError(f"arrays: expected names that are strings, got {name!r}")
            array = np.array(checks.numeric(value, name))
            array.flags.writeable = False
            kept[name] = array
        self._arrays = kept

    @classmethod
    def own(cls, arrays: dict[str, Array]) -> Params:
        """Take arrays over as they are, neither copied nor looked at.

        For arrays of numbers that the caller has just made and gives away: they become
        read-only. A learner hands out its gradient of each step so.
        """
        params = cls.__new__(cls)
        for array in arrays.values():
            array.flags.writeable = False
        params._arrays = arrays
        return params

    # -- mapping -----------------------------------------------------------

    def __getitem__(self, name: str) -> Array:
        try:
            return self._arrays[name]
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {list(self._arrays)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def items(self) -> ItemsView[str, Array]:
        """Names and arrays; several times as fast as what Mapping would make of the above."""
        return self._arrays.items()

    def __eq__(self, other: object) -> bool:
        """Whether names (in any order) and all numbers are the same."""
        if not isinstance(other, Mapping):
            return NotImplemented
        return set(self) == set(other) and all(np.array_equal(self[k], other[k]) for k in self)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        inside = ", ".join(f"{name}: {array.shape}" for name, array in self.items())
        return f"Params({inside})"

    # -- shape -------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of :meth:`flat`."""
        return tuple(self._arrays)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each array."""
        return {name: array.shape for name, array in self.items()}

    @property
    def size(self) -> int:
        """The number P of scalar parameters."""
        return sum(array.size for array in self.values())

    @property
    def dtype(self) -> np.dtype:
        """The common dtype of all arrays."""
        return np.result_type(*self.values()) if self._arrays else np.dtype(np.float64)

    def slices(self) -> dict[str, slice]:
        """The place of each array in :meth:`flat`."""
        ends = np.cumsum([array.size for array in self.values()])
        sizes = [array.size for array in self.values()]
        return {
            name: slice(int(end) - size, int(end))
            for name, end, size in zip(self.names, ends, sizes, strict=True)
        }

    # -- flat view ---------------------------------------------------------

    def flat(self) -> Array:
        """All entries as one vector of shape (P,)."""
        if not self._arrays:
            return np.zeros(0)
        return np.concatenate([array.ravel() for array in self.values()])

    def unflatten(self, vector: Any) -> Params:
        """The inverse of :meth:`flat`: cut a vector (P,) into the same names and shapes."""
        flat = checks.shape(checks.numeric(vector, "vector"), (self.size,), "vector")
        return Params(
            {name: flat[cut].reshape(self[name].shape) for name, cut in self.slices().items()}
        )

    def unravel(self, entry: int) -> tuple[str, tuple[int, ...]]:
        """The name and index of one entry of :meth:`flat`."""
        for name, cut in self.slices().items():
            if cut.start <= entry < cut.stop:
                place = np.unravel_index(entry - cut.start, self[name].shape)
                return name, tuple(int(i) for i in place)
        raise IndexError(f"entry: expected 0 to {self.size - 1}, got {entry}")

    # -- algebra -----------------------------------------------------------

    def map(self, function: Callable[[Array], Array]) -> Params:
        """Apply ``function`` to each array."""
        return Params({name: function(array) for name, array in self.items()})

    def zeros_like(self, dtype: Any = None) -> Params:
        """Zeros of the same names and shapes."""
        return self.map(lambda array: np.zeros(array.shape, dtype or array.dtype))

    def astype(self, dtype: Any) -> Params:
        """The same numbers in another dtype."""
        return self.map(lambda array: array.astype(dtype))

    def _join(self, other: Any, function: Callable[[Array, Array], Array]) -> Params:
        if not isinstance(other, Mapping):
            return NotImplemented
        checks.names(other, self, "parameters of the other operand")
        for name in self:
            checks.shape(np.asarray(other[name]), self[name].shape, name)
        return Params({name: function(self[name], other[name]) for name in self})

    def __add__(self, other: Mapping[str, Array]) -> Params:
        return self._join(other, np.add)

    def __sub__(self, other: Mapping[str, Array]) -> Params:
        return self._join(other, np.subtract)

    def __mul__(self, factor: complex) -> Params:
        if not np.isscalar(factor) and np.ndim(factor) != 0:
            return NotImplemented
        return self.map(lambda array: array * factor)

    __rmul__ = __mul__

    def __neg__(self) -> Params:
        return self * -1

    def norm(self) -> float:
        """The Euclidean norm of :meth:`flat`."""
        return float(np.sqrt(sum(float(np.sum(np.abs(array) ** 2)) for array in self.values())))

    # -- names -------------------------------------------------------------

    def ordered(self, like: Iterable[str]) -> Params:
        """The same arrays with their names in the order of ``like``, which has the same names."""
        checks.names(self, like := tuple(like), "parameters")
        return Params.own({name: self[name] for name in like})

    def select(self, prefix: str) -> Params:
        """The parameters whose names start with ``prefix``, with the prefix cut off."""
        return Params.own(
            {name[len(prefix) :]: array for name, array in self.items() if name.startswith(prefix)}
        )

    def prefixed(self, prefix: str) -> Params:
        """The same arrays under names with ``prefix`` in front."""
        return Params({prefix + name: array for name, array in self.items()})

    @staticmethod
    def merge(*parts: Mapping[str, Array]) -> Params:
        """All names of ``parts`` in one mapping; a name that stands twice is refused."""
        merged: dict[str, Array] = {}
        for part in parts:
            for name, array in part.items():
                if name in merged:
                    raise ValueError(f"parts: the name {name!r} stands in two of them")
                merged[name] = array
        return Params(merged)

    def replace(self, **arrays: Any) -> Params:
        """A copy with some arrays exchanged; write ``**{"cell.W": ...}`` for dotted names."""
        changed = dict(self)
        for name, value in arrays.items():
            changed[name] = checks.shape(checks.numeric(value, name), self[name].shape, name)
        return Params(changed)

    def check_like(self, other: Mapping[str, Array], what: str = "params") -> None:
        """Refuse ``self`` unless it has the names and shapes of ``other`` and is finite."""
        checks.names(self, other, what)
        for name, array in self.items():
            checks.finite(
                checks.shape(array, other[name].shape, f"{what}[{name!r}]"), f"{what}[{name!r}]"
            )

    # -- files -------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write all arrays to an ``.npz`` file, without pickle."""
        with open(path, "wb") as file:
            np.savez(file, allow_pickle=False, **dict(self))

    @classmethod
    def load(cls, path: str | Path, like: Mapping[str, Array] | None = None) -> Params:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path
            The file.
        like
            If given, names and shapes must be the same as here.

        Raises
        ------
        ValueError
            If the file is damaged or cut off, or holds the parameters of another network.
        """
        try:
            with open(path, "rb") as raw, np.load(raw, allow_pickle=False) as file:
                loaded = cls({name: file[name] for name in file.files})
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError):
                raise
            raise ValueError(f"path: {path} is not a complete .npz file ({error})") from error
        if like is not None:
            loaded.check_like(like, what=f"parameters in {path}")
        return loaded
