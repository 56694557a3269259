"""Show the package's own source in a notebook, so that the page's code is what runs."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any


class Source:
    """The source of some objects, ready for display.

    In a notebook it shows as highlighted code; ``str()`` gives the plain text.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return f"```python\n{self.text}\n```"


def show_source(*objects: Any, docstrings: bool = False) -> Source:
    """The source code of functions, methods or classes of the package.

    Parameters
    ----------
    objects
        What to show, in this order.
    docstrings
        Keep docstrings; left out otherwise, since the page around says more.

    Raises
    ------
    TypeError
        If an object has no Python source.

    Examples
    --------
    >>> from rnncore.activations import relu
    >>> show_source(relu)
    def relu(a: Array) -> Array:
        return a * (a.real > 0)
    """
    parts = []
    for item in objects:
        text = textwrap.dedent(inspect.getsource(item)).rstrip()
        parts.append(text if docstrings else _without_docstrings(text))
    return Source("\n\n".join(parts))


def _without_docstrings(text: str) -> str:
    lines = text.splitlines()
    drop: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node):
            first = node.body[0]
            last = first.end_lineno or first.lineno
            drop |= set(range(first.lineno - 1, last))
            if last < len(lines) and not lines[last].strip():
                drop.add(last)
    return "\n".join(line for i, line in enumerate(lines) if i not in drop)
