"""The bodies of many rows: written from `examples/data/diamonds.csv`, for every driver, into `target/loadtest/bodies`.

`python3 loadtest/runner/bodies.py` writes them without a run; k6 needs that before it starts.
"""

import csv
import itertools
import json
import os
import pathlib

REPO = pathlib.Path(__file__).resolve().parents[2]
BODIES = REPO / "target" / "loadtest" / "bodies"
TABLE = REPO / "examples" / "data" / "diamonds.csv"
TARGET = "price"
SIZES = (1, 64, 1024)


def write():
    """Writes `<rows>-objects.json`, `-arrays.json` and `-table.csv` of each size, each with rows of its own."""
    BODIES.mkdir(parents=True, exist_ok=True)
    with TABLE.open(newline="") as file:
        rows = csv.DictReader(file)
        features = [name for name in rows.fieldnames if name != TARGET]
        for size in SIZES:
            block = [{name: row[name] for name in features} for row in itertools.islice(rows, size)]
            write_block(size, features, block)


def write_block(size, features, block):
    typed = [{name: value_of(text) for name, text in row.items()} for row in block]
    arrays = [list(row.values()) for row in typed]
    table = "\n".join(",".join(line) for line in [features, *(row.values() for row in block)])
    replace(f"{size}-objects.json", json.dumps({"instances": typed}))
    replace(f"{size}-arrays.json", json.dumps({"instances": arrays}))
    replace(f"{size}-table.csv", f"{table}\n")


def value_of(text):
    try:
        return float(text)
    except ValueError:
        return text


def replace(name, text):
    # Renamed into place: another run may be reading the file.
    draft = BODIES / f".{name}.{os.getpid()}"
    draft.write_text(text)
    draft.replace(BODIES / name)


if __name__ == "__main__":
    write()
    print(f"written: {BODIES.relative_to(REPO)}")
