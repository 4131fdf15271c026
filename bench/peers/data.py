"""Diamonds with categories as codes, and the bodies that every server gets: the same rows for all of them."""

import csv
import json

from common import CATEGORIES, DIAMONDS, OUT

SIZES = [1, 64, 1024]
CODED = OUT / "diamonds-coded.csv"


def load():
    """Rows as dictionaries of what JSON would hold, without the target; and each category's code."""
    with open(DIAMONDS, newline="") as file:
        table = list(csv.DictReader(file))
    codes = {name: {level: code for code, level in enumerate(sorted({r[name] for r in table}))} for name in CATEGORIES}
    return table, codes


def write_coded():
    """The table with numbers only: what all forests are fitted to."""
    table, codes = load()
    with open(CODED, "w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        for row in table:
            writer.writerow({name: codes[name][text] if name in codes else text for name, text in row.items()})


def bodies():
    """Form → number of rows → JSON; rows from all over the table, which is sorted by price in parts."""
    table, codes = load()
    made = {"arrays": {}, "objects": {}, "v2": {}}
    for n_rows in SIZES:
        rows = table[:: len(table) // n_rows][:n_rows]
        named = [{k: v if k in codes else float(v) for k, v in row.items() if k != "price"} for row in rows]
        arrays = [[codes[k][v] if k in codes else v for k, v in row.items()] for row in named]
        made["arrays"][n_rows] = dense({"instances": arrays})
        made["objects"][n_rows] = dense({"instances": named})
        flat = [float(value) for row in arrays for value in row]
        tensor = {"name": "rows", "shape": [n_rows, len(arrays[0])], "datatype": "FP64", "data": flat}
        # MLServer's own hint that this one tensor is the array its model wants.
        made["v2"][n_rows] = dense({"parameters": {"content_type": "np"}, "inputs": [tensor]})
    return made


def dense(value):
    return json.dumps(value, separators=(",", ":"))
