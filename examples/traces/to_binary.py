#!/usr/bin/env python3
"""A CSV recording (docs/traces.md) in the binary form: to_binary.py IN.csv OUT.xlt"""
import csv
import struct
import sys
from decimal import Decimal

UNITS = ["time_fs", "time_ps", "time_ns", "time_us"]


def main() -> None:
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as file:
        lines = (line for line in file if line.strip() and not line.lstrip().startswith("#"))
        rows = list(csv.DictReader(lines, skipinitialspace=True))
    column = next(name for name in UNITS if name in rows[0])
    # Decimals of a unit become whole numbers of the finest one.
    finest = all(Decimal(row[column]) == int(Decimal(row[column])) for row in rows)
    unit = UNITS.index(column) if finest else 0
    scale = 1 if finest else 1000 ** UNITS.index(column)
    kind = 1 if "address" in rows[0] else 2 if "buffer" in rows[0] else 0
    masters = sorted({row["master"] for row in rows}) if "master" in rows[0] else []
    with open(sys.argv[2], "wb") as out:
        out.write(struct.pack("<8sBBHI", b"XLTRACE1", kind, unit, len(masters), 0))
        for name in masters:
            out.write(struct.pack("<H", len(name.encode())) + name.encode())
        for row in rows:
            place = int(row["address" if kind == 1 else "offset"], 0)
            master = masters.index(row["master"]) if masters else 0xFFFF
            write = row["op"].lower() in ("w", "write")
            out.write(struct.pack("<QQIIHB5x", int(Decimal(row[column]) * scale), place, int(row["size"], 0),
                                  int(row.get("buffer") or "0", 0), master, write))


main()
