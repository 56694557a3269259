"""Execute the book's notebooks and keep them in one normal form.

    python tools/notebooks.py run [notebook ...]        execute, normalise, store in place
    python tools/notebooks.py normalise [notebook ...]  normalise only, stored outputs stay
    python tools/notebooks.py check [notebook ...]      report, change nothing

Without a notebook: every one in ``notebooks/``. The normal form has stable cell ids, no times, no
widget state, a fixed kernel name, sorted keys and images without the name of the program that drew
them, so that executing again without a change leaves no difference.
"""

from __future__ import annotations

import argparse
import base64
import copy
import json
import os
import re
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

LEDGER = "27-ledger.ipynb"
FOLDER = Path(__file__).resolve().parent.parent / "notebooks"

KERNELSPEC = {"display_name": "Python 3", "language": "python", "name": "python3"}
LANGUAGE_INFO = {
    "file_extension": ".py",
    "mimetype": "text/x-python",
    "name": "python",
    "pygments_lexer": "ipython3",
}
# All other metadata (times, folding, scrolling, trust) belongs to an editor, not to the book.
KEPT_CELL_METADATA = {"mystnb", "tags"}
KEPT_NOTEBOOK_METADATA = {"mystnb"}
# What a widget leaves behind: an identifier that is random at each run.
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
# The chunks of a PNG that make the picture; the others name programs, versions and dates.
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_CHUNKS = {b"IHDR", b"PLTE", b"tRNS", b"pHYs", b"IDAT", b"IEND"}

CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
EMBEDDED_PNG = re.compile(r"(data:image/png;base64,)([A-Za-z0-9+/=]+)")

Json = dict[str, Any]


class NotebookError(Exception):
    """A notebook that cannot be read, executed or stored; the message names the cell."""


# Reading and writing


def read(path: Path) -> Json:
    """Return the notebook as JSON, its multi-line strings joined; NotebookError if it is none."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise NotebookError(f"not a notebook: {error}") from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise NotebookError("not a notebook: no list of cells")
    if notebook.get("nbformat") != 4:
        raise NotebookError(f"expected notebook format 4, got {notebook.get('nbformat')}")
    for cell in notebook["cells"]:
        cell["source"] = _joined(cell.get("source", ""))
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = _joined(output["text"])
            output["data"] = {m: _joined(d) for m, d in output.get("data", {}).items()}
            if not output["data"]:
                del output["data"]
    return notebook


def dumps(notebook: Json) -> str:
    """Return the text of a notebook file: sorted keys, one line of a cell per line of the file."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)
        for output in cell.get("outputs", []):
            if "text" in output:
                output["text"] = output["text"].splitlines(keepends=True)
            for mime, data in output.get("data", {}).items():
                if isinstance(data, str) and (mime.startswith("text/") or mime.endswith("+xml")):
                    output["data"][mime] = data.splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _joined(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value


# The normal form


def normalise(notebook: Json, name: str) -> Json:
    """Return the normal form of `notebook`; the ids it lacks are made from the file's `name`."""
    kept = {k: v for k, v in notebook.get("metadata", {}).items() if k in KEPT_NOTEBOOK_METADATA}
    ids = _cell_ids(notebook["cells"], name)
    return {
        "cells": [_normal_cell(c, i) for c, i in zip(notebook["cells"], ids, strict=True)],
        "metadata": {**kept, "kernelspec": KERNELSPEC, "language_info": LANGUAGE_INFO},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _cell_ids(cells: Sequence[Json], name: str) -> list[str]:
    """Keep the first use of each valid id; number the others by chapter: 03-001, 03-002, ..."""
    prefix = name.partition("-")[0] or "cell"
    given = [str(cell.get("id", "")) for cell in cells]
    valid = [bool(CELL_ID.fullmatch(g)) and g not in given[:i] for i, g in enumerate(given)]
    taken = set(given)
    counter = 0
    for i in range(len(cells)):
        if not valid[i]:
            while (new := f"{prefix}-{(counter := counter + 1):03d}") in taken:
                continue
            given[i] = new
    return given


def _normal_cell(cell: Json, cell_id: str) -> Json:
    metadata = {k: v for k, v in cell.get("metadata", {}).items() if k in KEPT_CELL_METADATA}
    normal: Json = {
        "cell_type": cell["cell_type"],
        "id": cell_id,
        "metadata": metadata,
        "source": cell["source"].rstrip("\n"),
    }
    if "attachments" in cell:
        normal["attachments"] = cell["attachments"]
    if cell["cell_type"] == "code":
        normal["execution_count"] = cell.get("execution_count")
        normal["outputs"] = list(_normal_outputs(cell.get("outputs", [])))
    return normal


def _normal_outputs(outputs: Sequence[Json]) -> Iterator[Json]:
    """Merge what was printed to one stream piece by piece; drop what a widget leaves."""
    stream: Json | None = None
    for output in outputs:
        if output["output_type"] == "stream":
            if stream is not None and stream["name"] == output["name"]:
                stream["text"] += output["text"]
                continue
            if stream is not None:
                yield stream
            stream = {k: output[k] for k in ("name", "output_type", "text")}
            continue
        if stream is not None:
            yield stream
            stream = None
        output = copy.deepcopy(output)
        if "data" in output:
            data = {m: d for m, d in output["data"].items() if m != WIDGET_MIME}
            output["data"] = {m: _normal_data(m, d) for m, d in data.items()}
        if output.get("data") != {}:
            yield output
    if stream is not None:
        yield stream


def _normal_data(mime: str, data: Any) -> Any:
    if mime == "image/png":
        return _normal_png(data)
    if mime == "text/html":
        return EMBEDDED_PNG.sub(lambda match: match[1] + _normal_png(match[2]), data)
    return data


def _normal_png(encoded: str) -> str:
    """Leave of a PNG the chunks that make the picture; anything else than a PNG stays as it is."""
    png = base64.b64decode(encoded)
    if not png.startswith(PNG_SIGNATURE):
        return encoded
    picture, position = PNG_SIGNATURE, len(PNG_SIGNATURE)
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        chunk = png[position : position + 12 + length]
        kind, content, (crc,) = chunk[4:8], chunk[8:-4], struct.unpack(">I", chunk[-4:])
        if zlib.crc32(kind + content) != crc:
            raise NotebookError("a stored PNG picture is damaged")
        if kind in PNG_CHUNKS:
            picture += chunk
        position += 12 + length
    return base64.b64encode(picture).decode("ascii")


# Checking


def problems(path: Path) -> list[str]:
    """Return what is wrong with the stored notebook: nothing, if it is a chapter's source."""
    try:
        notebook = read(path)
        found = list(_cell_problems(notebook["cells"]))
        want, got = dumps(normalise(notebook, path.name)), path.read_text(encoding="utf-8")
    except NotebookError as error:
        return [str(error)]
    if got != want:
        lines = zip(got.split("\n"), want.split("\n"), strict=False)
        first = next((n for n, (g, w) in enumerate(lines, 1) if g != w), 1)
        found.append(f"not in normal form, first at line {first} of the file")
    return found


def _cell_problems(cells: Sequence[Json]) -> Iterator[str]:
    count, unexecuted = 0, []
    for position, cell in enumerate(cells, 1):
        where = describe(cell, position)
        if not cell["source"].strip():
            yield f"{where} is empty"
        elif cell["cell_type"] == "code":
            count += 1
            if cell.get("execution_count") is None:
                unexecuted.append(where)
            elif cell["execution_count"] != count:
                yield f"{where} was executed as {cell['execution_count']}, not in order as {count}"
            yield from (f"{where} {trouble}" for trouble in _output_troubles(cell["outputs"]))
    if unexecuted:
        others = f", nor were {len(unexecuted) - 1} others" if len(unexecuted) > 1 else ""
        yield f"{unexecuted[0]} was not executed{others}"


def _output_troubles(outputs: Sequence[Json]) -> Iterator[str]:
    for output in outputs:
        if output["output_type"] == "error":
            yield f"raised {output['ename']}: {output['evalue']}"
        elif output.get("name") == "stderr":
            yield f"wrote to stderr: {output['text'].strip()}"


def describe(cell: Json, position: int) -> str:
    """Name a cell for a message: its place, its id and how it begins."""
    first = next((line for line in cell["source"].splitlines() if line.strip()), "")
    return f"cell {position} (id {cell.get('id', 'missing')}, {first[:60]!r})"


# Executing


def execute(notebook: Json, folder: Path, timeout: int = 600) -> Json:
    """Return `notebook`, in normal form, with the outputs of a new kernel working in `folder`.

    NotebookError, naming the cell, if one raises, writes to stderr or kills the kernel.
    """
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    node = nbformat.from_dict(copy.deepcopy(notebook))
    for cell in node.cells:
        if cell.cell_type == "code":
            cell.update(execution_count=None, outputs=[])
    begun: list[int] = []
    client = NotebookClient(
        node,
        timeout=timeout,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        on_cell_start=lambda cell, cell_index: begun.append(cell_index),
        extra_arguments=["--log-level=40"],  # the kernel's own remarks on its transport
    )
    # A back end chosen for the tests would keep figures out of the notebook.
    env = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
    try:
        client.execute(env={**env, "OPENBLAS_NUM_THREADS": "1"})
    except CellExecutionError:
        pass  # the cell's output says what was raised: found below
    except (CellTimeoutError, DeadKernelError) as error:
        where = describe(node.cells[begun[-1]], begun[-1] + 1)
        raise NotebookError(f"{where}: {error}") from None
    for position, cell in enumerate(node.cells, 1):
        for trouble in _output_troubles(cell.get("outputs", [])):
            raise NotebookError(f"{describe(cell, position)} {trouble}")
    return {**notebook, "cells": json.loads(json.dumps(node.cells))}


def store(path: Path, notebook: Json) -> bool:
    """Write the normal form of `notebook` where it differs from the file; say whether it did."""
    text = dumps(normalise(notebook, path.name))
    if path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True


# The command line


def run(path: Path) -> tuple[bool, str]:
    """Execute and store one notebook; return success and a line to print."""
    start = time.perf_counter()
    try:
        changed = store(path, execute(normalise(read(path), path.name), path.parent))
    except NotebookError as error:
        return False, str(error)
    word = "stored" if changed else "unchanged"
    return True, f"executed in {time.perf_counter() - start:.1f} s, {word}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 if all is well with every notebook."""
    parser = argparse.ArgumentParser(description="Execute and normalise the book's notebooks.")
    parser.add_argument("command", choices=["run", "normalise", "check"])
    parser.add_argument("paths", nargs="*", type=Path, help="default: all of notebooks/")
    parser.add_argument("--jobs", type=int, default=2, help="notebooks at a time (default: 2)")
    options = parser.parse_args(arguments)
    paths = options.paths or sorted(FOLDER.glob("*.ipynb"))
    failed = 0
    if options.command == "run":
        # The ledger reads what the other chapters have stored, so it comes after them.
        first = [path for path in paths if path.name != LEDGER]
        last = [path for path in paths if path.name == LEDGER]
        for group in (first, last):
            with ProcessPoolExecutor(max_workers=options.jobs) as pool:
                for path, (succeeded, line) in zip(group, pool.map(run, group), strict=True):
                    print(f"{path.name}: {line}", flush=True)
                    failed += not succeeded
    for path in paths if options.command != "run" else []:
        if options.command == "normalise":
            store(path, read(path))
        found = problems(path) if options.command == "check" else []
        failed += bool(found)
        for problem in found:
            print(f"{path.name}: {problem}")
    if options.command == "check":
        verdict = (
            f"{failed} not ready: run make notebooks" if failed else "all executed, all normal"
        )
        print(f"{len(paths)} notebooks, {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
