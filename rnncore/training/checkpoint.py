"""A run on disk: one ``.npz`` file, no pickle, written whole or not at all."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rnncore.activations import Activation
from rnncore.optimizers import Optimizer, OptimizerState
from rnncore.params import Params
from rnncore.training.result import Run

Array = np.ndarray

FORMAT = 1


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message says which file and why."""


# -- writing ------------------------------------------------------------------


def save(
    path: str | Path, run: Run, rng: np.random.Generator | None, optimizer: Optimizer, network: Any
) -> None:
    """Write a run: parameters, optimizer state, generator state, history.

    The file is first written beside ``path`` and then moved there, so that an interruption
    leaves the earlier checkpoint in place.
    """
    header = {
        "format": FORMAT,
        "network": describe(network),
        "optimizer": type(optimizer).__name__,
        "optimizer_step": run.state.step,
        "rng": None if rng is None else rng.bit_generator.state,
        "readings": list(run.readings),
    }
    arrays: dict[str, Array] = {
        "header": np.array(json.dumps(header, default=_encode)),
        "losses": np.array(run.losses, dtype=float),
        "norms": np.array(run.norms, dtype=float),
        "evaluated": np.array(run.evaluated, dtype=np.int64),
    }
    arrays |= {f"params/{name}": array for name, array in run.params.items()}
    for slot, values in run.state.slots.items():
        arrays |= {f"slot/{slot}/{name}": array for name, array in values.items()}
    arrays |= {f"reading/{name}": np.array(values) for name, values in run.readings.items()}
    path = Path(path)
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    os.replace(part, path)


def describe(thing: Any) -> str:
    """A network in words: kinds and options of its parts, sizes apart (the shapes tell them).

    Two networks whose parameters have the same shapes may still differ: a tanh and a logistic
    cell do. Masks and chosen units enter by a checksum.

    Examples
    --------
    >>> from rnncore import Linear, Network, SquaredError, Vanilla
    >>> describe(Vanilla(2, 3, "relu"))
    'Vanilla(activation=relu, bias=True)'
    """
    if isinstance(thing, Activation):
        return thing.name
    if thing is None or isinstance(thing, (str, bool)):
        return str(thing)
    if isinstance(thing, np.ndarray):
        return f"#{zlib.crc32(np.ascontiguousarray(thing).tobytes()):08x}"
    if isinstance(thing, Mapping):
        return "{" + ", ".join(f"{k}: {describe(v)}" for k, v in thing.items()) + "}"
    if isinstance(thing, (list, tuple)):
        return "[" + ", ".join(map(describe, thing)) + "]"
    options = [
        f"{name}={describe(value)}"
        for name, value in vars(thing).items()
        if not name.startswith("_") and name not in ("shapes", "output") and _tells(value)
    ]
    return type(thing).__name__ + (f"({', '.join(options)})" if options else "")


def _tells(value: Any) -> bool:
    return isinstance(value, bool) or not isinstance(value, (int, float))


def _encode(array: Array) -> dict[str, Any]:
    """Some generators keep arrays in their state."""
    return {"array": array.tolist(), "dtype": array.dtype.str}


def _decode(value: dict[str, Any]) -> Any:
    return np.array(value["array"], value["dtype"]) if set(value) == {"array", "dtype"} else value


# -- reading ------------------------------------------------------------------


def load(
    path: str | Path, like: Params, optimizer: Optimizer, network: Any
) -> tuple[Run, dict[str, Any] | None]:
    """Read a run, and the state of its random generator (or None).

    Parameters
    ----------
    path
        What :func:`save` wrote.
    like
        Parameters of the network that goes on: names, shapes and dtypes must be the same.
    optimizer, network
        Those that go on; they must be of the same kind.

    Raises
    ------
    CheckpointError
        If the file is damaged or cut off, is no checkpoint, or belongs to another network or
        optimizer.
    FileNotFoundError
        If there is no file.
    """
    arrays = _read(path)
    if "header" not in arrays:
        raise CheckpointError(f"{path}: is no training checkpoint; it holds {sorted(arrays)}")
    header = json.loads(str(arrays["header"][()]), object_hook=_decode)
    if header["format"] != FORMAT:
        raise CheckpointError(f"{path}: expected format {FORMAT}, got {header['format']}")
    _compare(path, "network", header["network"], describe(network))
    _compare(path, "optimizer", header["optimizer"], type(optimizer).__name__)
    slots = {slot: _params(path, arrays, f"slot/{slot}/", like) for slot in optimizer.slot_names}
    run = Run(
        params=_params(path, arrays, "params/", like),
        state=OptimizerState(header["optimizer_step"], slots),
        losses=arrays["losses"].tolist(),
        norms=arrays["norms"].tolist(),
        evaluated=arrays["evaluated"].tolist(),
        readings={name: arrays[f"reading/{name}"].tolist() for name in header["readings"]},
    )
    return run, header["rng"]


def restore_rng(
    path: str | Path, rng: np.random.Generator | None, state: dict[str, Any] | None
) -> None:
    """Set ``rng`` to where the generator of the run stood."""
    kinds = [
        "none" if rng is None else type(rng.bit_generator).__name__,
        "none" if state is None else state["bit_generator"],
    ]
    if kinds[0] != kinds[1]:
        raise CheckpointError(f"{path}: rng: expected a generator {kinds[1]}, got {kinds[0]}")
    if rng is not None and state is not None:
        rng.bit_generator.state = state


def _read(path: str | Path) -> dict[str, Array]:
    try:
        with open(path, "rb") as raw, np.lib.npyio.NpzFile(raw, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except FileNotFoundError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path}: is no complete .npz file; it is damaged or cut off ({error})"
        ) from error


def _params(path: str | Path, arrays: Mapping[str, Array], prefix: str, like: Params) -> Params:
    found = {
        name.removeprefix(prefix): array
        for name, array in arrays.items()
        if name.startswith(prefix)
    }
    _compare(path, "network, with parameters", _forms(found.items()), _forms(like.items()))
    return Params({name: found[name] for name in like})


def _forms(items: Iterable[tuple[str, Array]]) -> str:
    return ", ".join(sorted(f"{name} {array.shape} {array.dtype}" for name, array in items))


def _compare(path: str | Path, what: str, found: str, expected: str) -> None:
    if found != expected:
        raise CheckpointError(
            f"{path}: checkpoint of another {what}: it has {found or 'none'}, "
            f"expected {expected or 'none'}"
        )
