"""Values as JSON, in both directions: inputs into the student's kernel, results out of it.

Never pickle: what comes out of a student's kernel is text that is parsed, not code that runs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np


class ValueFormatError(ValueError):
    """A value that cannot be sent as JSON, or text that is no value."""


def encode(value: Any) -> Any:
    """Plain data for ``value``; arrays and tuples are tagged so that they come back as such."""
    if value is None or isinstance(value, bool | str | int | float):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise ValueFormatError(f"an array of numbers is expected, got dtype {array.dtype}")
        return {"array": array.tolist(), "dtype": array.dtype.str, "shape": list(array.shape)}
    if isinstance(value, Mapping):
        return {"dict": [[str(key), encode(entry)] for key, entry in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [encode(entry) for entry in value]}
    if isinstance(value, list):
        return {"list": [encode(entry) for entry in value]}
    raise ValueFormatError(f"numbers and arrays are expected, got {type(value).__name__}")


def decode(data: Any) -> Any:
    """What :func:`encode` made plain."""
    if data is None or isinstance(data, bool | str | int | float):
        return data
    if not isinstance(data, dict):
        raise ValueFormatError(f"a tagged value is expected, got {type(data).__name__}")
    if "array" in data:
        return _array(data)
    if "dict" in data:
        return {str(key): decode(entry) for key, entry in data["dict"]}
    if "tuple" in data:
        return tuple(decode(entry) for entry in data["tuple"])
    if "list" in data:
        return [decode(entry) for entry in data["list"]]
    raise ValueFormatError("a tagged value is expected")


def _array(data: Mapping[str, Any]) -> np.ndarray:
    try:
        dtype = np.dtype(str(data["dtype"]))
        if dtype.kind not in "biuf":
            raise ValueFormatError(f"an array of numbers is expected, got dtype {dtype}")
        return np.array(data["array"], dtype).reshape([int(size) for size in data["shape"]])
    except (TypeError, KeyError, OverflowError, ValueError, RecursionError) as error:
        raise ValueFormatError(f"no array: {error}") from None


def dumps(value: Any) -> str:
    """The JSON text of a value."""
    return json.dumps(encode(value))


def loads(text: str) -> Any:
    """The value of a JSON text."""
    try:
        return decode(json.loads(text))
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueFormatError(f"no value: {error}") from None
