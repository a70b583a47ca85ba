#!/usr/bin/env python3
"""Makes a recording for xlate (docs/traces.md) of what gem5's util/decode_packet_trace.py prints: a line a packet,
command, address, size, [flags,] tick. from_gem5.py [--master NAME] [--ticks-per-ns N] < trace.txt > trace.csv"""
import argparse
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--master", default="master")
    parser.add_argument("--ticks-per-ns", type=int, default=1000, help="gem5's default tick is 1 ps")
    options = parser.parse_args()
    print("time_fs,master,address,size,op")
    first = None
    for number, line in enumerate(sys.stdin, 1):
        fields = [field.strip() for field in line.split(",")]
        if len(fields) < 4 or fields[0] not in ("r", "w"):
            continue  # commands that move no data
        try:
            address, size, tick = int(fields[1]), int(fields[2]), int(fields[-1])
        except ValueError:
            sys.exit(f"line {number}: expected command, address, size, flags, tick, found '{line.strip()}'")
        first = tick if first is None else first
        print(f"{(tick - first) * 1_000_000 // options.ticks_per_ns},{options.master},{address:#x},{size},{fields[0]}")


main()
