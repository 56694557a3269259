"""What runs in the student's kernel to put a question: it calls the function, reports values.

The text of this file is sent to the kernel. It decides nothing: it reports what the student's
function returned on each hidden input, and that is judged elsewhere. Whatever a student's code
does to it, all that can come out is values, and wrong values earn nothing.
"""

from typing import Any


def report(name: str, cases: list[Any], mime: str) -> None:
    """Call the function ``name`` of the notebook on each case; publish values as JSON text."""
    import json

    import IPython
    import numpy

    def decode(data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "array" in data:
            return numpy.array(data["array"], data["dtype"]).reshape(data["shape"])
        if "dict" in data:
            return {key: decode(entry) for key, entry in data["dict"]}
        kind = tuple if "tuple" in data else list
        return kind(decode(entry) for entry in data["tuple" if "tuple" in data else "list"])

    def encode(value: Any) -> Any:
        if value is None or isinstance(value, (bool, str, int, float)):
            return value
        if isinstance(value, (numpy.ndarray, numpy.generic)):
            value = numpy.asarray(value)
            if value.dtype.kind not in "biuf":
                raise TypeError(f"numbers are expected, got an array of dtype {value.dtype}")
            shape = list(value.shape)
            return {"array": value.tolist(), "dtype": value.dtype.str, "shape": shape}
        if hasattr(value, "keys"):
            return {"dict": [[str(key), encode(value[key])] for key in value.keys()]}
        if isinstance(value, (tuple, list)):
            kind = "tuple" if isinstance(value, tuple) else "list"
            return {kind: [encode(entry) for entry in value]}
        raise TypeError(f"numbers and arrays are expected, got {type(value).__name__}")

    shell = IPython.get_ipython()
    function = shell.user_ns.get(name)
    results = []
    for case in cases:
        try:
            if not callable(function):
                raise NameError(f"there is no function {name}")
            results.append({"value": encode(function(*decode(case)))})
        except Exception as error:
            line = f"{type(error).__name__}: {error}".strip().splitlines()[0]
            results.append({"error": line[:200]})
    shell.display_pub.publish({mime: json.dumps(results)})
