"""Kernels from their source: compiled by Numba, and kept in a folder for the next process."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numba
import numpy as np
from numba import njit

from rnncore.fast import elementary, product
from rnncore.fast.elementary import OPTIONS

FOLDER = "RNNCORE_CACHE"  # the variable of the environment that names another folder


class Compiled(NamedTuple):
    """The kernels of one cell in one precision: a step at a time, and whole sequences."""

    forward_step: Callable[..., None]
    backward_step: Callable[..., None]
    forward: Callable[..., None]
    backward: Callable[..., None]


def cache_folder() -> Path | None:
    """Where compiled kernels are kept, or None if nothing can be written there.

    ``$RNNCORE_CACHE``, or else ``rnncore`` in the user's folder for caches.
    """
    home = Path.home()
    base = {"darwin": home / "Library/Caches", "win32": home / "AppData/Local"}.get(
        sys.platform, Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    )
    folder = Path(os.environ.get(FOLDER) or base / "rnncore")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder, os.W_OK) else None


def _key(source: str, dtype: np.dtype) -> str:
    """Changes with anything that compiled code depends on, but for the processor (Numba's own)."""
    parts = [source, dtype.name, numba.__version__, np.__version__]
    for module in (elementary, product):
        parts.append(Path(str(module.__file__)).read_text(encoding="utf-8"))
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


@lru_cache(maxsize=64)
def compile_source(source: str, dtype: np.dtype) -> Compiled:
    """The kernels of that source in that precision, float32 or float64.

    Numba compiles each one when it is first called.
    """
    folder, name = cache_folder(), f"{_key(source, dtype)}.py"
    path = None if folder is None else folder / name
    if path is not None and not path.exists():
        path = _write(path, source)
    # Numba finds the module of what it has kept by its name.
    module = ModuleType(f"rnncore.fast.generated_{Path(name).stem}")
    sys.modules[module.__name__] = module
    module.__dict__.update(elementary.elementary(dtype)._asdict())
    module.__dict__.update(np=np, njit=njit, Apart=product.Apart, few_rows=product.few_rows)
    module.__dict__["OPTIONS"] = OPTIONS if path is None else OPTIONS | {"cache": True}
    exec(compile(source, str(path or "<rnncore.fast>"), "exec"), module.__dict__)
    return Compiled(*[getattr(module, field) for field in Compiled._fields])


def _write(path: Path, source: str) -> Path | None:
    """Write a file so that no other process sees half of it."""
    draft = path.with_suffix(f".{os.getpid()}")
    try:
        draft.write_text(source, encoding="utf-8")
        draft.replace(path)
    except OSError:
        return None
    return path
