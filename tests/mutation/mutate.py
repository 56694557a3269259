"""Make mutants of a function: flip a sign, drop a term, swap an index, forget a transpose.

A mutant is the function's own source with ONE change, compiled in the function's module.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.ma  # noqa: F401  NumPy loads it on demand, and then looks at np.empty

from rnncore import show_source

Change = tuple[str, ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One change of one function.

    ``target`` is "module:Class.function"; ``line`` counts within the function, its
    docstring left out.
    """

    target: str
    line: int
    before: str
    after: str
    code: str

    def __str__(self) -> str:
        return f"{self.target.split('rnncore.')[1]}, line {self.line}: {self.before} → {self.after}"


def find(target: str) -> tuple[Any, str]:
    """The owner (class, module or object) of a target, and the name in it."""
    module, path = target.split(":")
    owner: Any = importlib.import_module(module)
    *classes, name = path.split(".")
    for part in classes:
        owner = getattr(owner, part)
    return owner, name


def source_of(target: str) -> str:
    """The source; of a slope of an activation the lambda, as a named function."""
    owner, name = find(target)
    if name == "slope":
        line = inspect.getsource(owner.slope).strip()
        tree = ast.parse(line)
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        body = ast.unparse(lambdas[-1].body)
        return f"def slope(a, y):\n    return {body}\n"
    # Without the docstring, so that a better text moves no line.
    return str(show_source(inspect.unwrap(getattr(owner, name))))


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """What could stand in place of a node."""
    match node:
        case ast.BinOp(left, ast.Add(), right):
            yield ast.BinOp(left, ast.Sub(), right)
            yield left
            yield right
        case ast.BinOp(left, ast.Sub(), right):
            yield ast.BinOp(left, ast.Add(), right)
            yield ast.BinOp(right, ast.Sub(), left)
            yield left
            yield right
        case ast.BinOp(left, ast.Mult(), right):
            yield left
            yield right
            yield ast.UnaryOp(ast.USub(), node)
        case ast.BinOp(left, ast.MatMult(), right):
            yield ast.UnaryOp(ast.USub(), node)
        case ast.BinOp(left, ast.Div(), right):
            yield left
        case ast.UnaryOp(ast.USub(), operand):
            yield operand
        case ast.Attribute(value, "T"):
            yield value
        case ast.AugAssign(target, ast.Add(), value):
            yield ast.AugAssign(target, ast.Sub(), value)
            yield ast.Assign([target], value)
            yield ast.Pass()
        case ast.BinOp(left, ast.BitOr(), right):
            yield left
            yield right
        case ast.Call(ast.Attribute(value, "transpose" | "swapaxes"), _):
            yield value
        case ast.Call(ast.Attribute(value, "sum"), arguments, keywords) if arguments or keywords:
            yield value
        case ast.Constant(value) if type(value) is int:
            yield ast.Constant(value + 1)
        case ast.Return(value) if isinstance(value, ast.BinOp | ast.Call | ast.Subscript):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
        case ast.Assign([ast.Subscript()], _):
            yield ast.Pass()
        case ast.Compare(left, [ast.Gt()], [right]):
            yield ast.Compare(left, [ast.Lt()], [right])
        case ast.IfExp(_, body, orelse):
            yield body
            yield orelse
        case ast.Call(ast.Attribute(ast.Name("np"), "where"), [_, one, other]):
            yield one
            yield other


def swaps(function: ast.AST) -> Iterator[tuple[ast.Constant, str]]:
    """Names in keys exchanged for other names that stand in keys of the same function."""
    keys: list[ast.Constant] = []
    for node in ast.walk(function):
        parts: list[Any] = []
        if isinstance(node, ast.Dict):
            parts = [part for key in node.keys if key for part in ast.walk(key)]
        elif isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Slice):
            parts = list(ast.walk(node.slice))
        keys += [p for p in parts if isinstance(p, ast.Constant) and isinstance(p.value, str)]
    names = list(dict.fromkeys(key.value for key in keys))
    for key in dict.fromkeys(keys):
        others = [name for name in names if name != key.value]
        if others:
            yield key, others[(names.index(key.value)) % len(others)]


# Memory layout and types: no mathematics.
SKIP = {"zeros", "empty", "result_type", "broadcast_to", "eye", "reshape", "arange", "check"}


def _skipped(tree: ast.AST) -> set[ast.AST]:
    """Nodes inside calls that only lay out memory, in annotations, and in slices' bounds."""
    skip: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in SKIP:
                skip |= {inner for a in node.args for inner in ast.walk(a)}
        if isinstance(node, ast.FunctionDef):
            skip |= set(ast.walk(node.args))
            if node.returns:
                skip |= set(ast.walk(node.returns))
        if isinstance(node, ast.AnnAssign):
            skip |= set(ast.walk(node.annotation))
        if isinstance(node, ast.Raise | ast.Assert | ast.JoinedStr):
            skip |= set(ast.walk(node))
    return skip


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        if node is self.old:
            return ast.copy_location(self.new, node)
        return self.generic_visit(node)


def mutants(target: str) -> list[Mutant]:
    """All mutants of a function, in the order of its source."""
    text = source_of(target)
    made: list[Mutant] = []
    tree = ast.parse(text)
    skipped = _skipped(tree)
    for position, node in enumerate(ast.walk(tree)):
        if node in skipped:
            continue
        for k in range(len(list(changes(node)))):
            fresh = ast.parse(text)  # since a change is made in place
            old = list(ast.walk(fresh))[position]
            made.append(_mutant(target, fresh, old, list(changes(old))[k]))
    for k, (key, _) in enumerate(swaps(tree)):
        if key not in skipped:
            fresh = ast.parse(text)
            old, name = list(swaps(fresh))[k]
            made.append(_mutant(target, fresh, old, ast.Constant(name)))
    return sorted(made, key=lambda m: m.line)


def _mutant(target: str, tree: ast.AST, node: ast.AST, new: ast.AST) -> Mutant:
    before, line = ast.unparse(node), node.lineno  # type: ignore[attr-defined]
    after = ast.unparse(ast.fix_missing_locations(ast.copy_location(new, node)))
    changed = ast.fix_missing_locations(_Replace(node, new).visit(tree))
    return Mutant(target, line, before, after, ast.unparse(changed))


def unchanged(target: str) -> Mutant:
    """The function as it is, to be compiled anew like a mutant: no check may kill it."""
    return Mutant(target, 0, "all", "the same", ast.unparse(ast.parse(source_of(target))))


@contextlib.contextmanager
def patched(mutant: Mutant) -> Iterator[None]:
    """Put the mutant in place of the function wherever the package holds it."""
    owner, name = find(mutant.target)
    original = inspect.getattr_static(owner, name)
    module = sys.modules[mutant.target.split(":")[0]]
    # Within a function that has the class, since super() without arguments looks for it there.
    code = f"def made(__class__):\n{textwrap.indent(mutant.code, '    ')}\n    return {name}\n"
    scope: dict[str, Any] = {}
    exec(compile(code, str(mutant), "exec"), vars(module), scope)
    new = scope["made"](owner)
    places = [(owner, name)]
    if inspect.ismodule(owner):
        places += [
            (other, name)
            for other in list(sys.modules.values())
            if getattr(other, "__name__", "").startswith("rnncore")
            and getattr(other, name, None) is original
            and other is not owner
        ]
    put = object.__setattr__ if name == "slope" else setattr
    for place, key in places:
        put(place, key, new)
    setattr(np, "empty", unfilled)  # noqa: B010
    try:
        yield
    finally:
        setattr(np, "empty", EMPTY)  # noqa: B010
        for place, key in places:
            put(place, key, original)


EMPTY = np.empty


def unfilled(shape: Any, dtype: Any = float, **rest: Any) -> np.ndarray:
    """As ``np.empty``, with NaN for whatever may have stood in that memory before.

    A mutant that forgets to write somewhere would else pass or fail by chance.
    """
    array = EMPTY(shape, dtype, **rest)
    if array.dtype.kind in "fc":
        array.fill(np.nan)
    return array
