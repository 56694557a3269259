"""The machine on which something was timed, in words."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

PACKAGES = ("numpy", "torch", "jax", "jaxlib", "numba", "scipy", "reservoirpy")


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory() -> float | None:
    """RAM in GiB, or None where the system does not say."""
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return round(pages * size / 2**30, 1)


def blas() -> str:
    """The linear algebra library that NumPy was built with."""
    settings: Any = np.show_config(mode="dicts")
    found = settings["Build Dependencies"]["blas"]
    return f"{found['name']} {found['version']}"


def version(package: str) -> str:
    """The installed version, or a word that there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def describe() -> dict[str, Any]:
    """Processor, cores, memory, system, and the versions of all that takes part."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": processor(),
        "cores": cores(),
        "memory_GiB": memory(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "pinned": hasattr(os, "sched_setaffinity"),
        "python": platform.python_version(),
        "blas": blas(),
        "versions": {package: version(package) for package in PACKAGES},
    }
