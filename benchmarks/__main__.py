"""``python -m benchmarks [NAME=VALUE]...``: what ``make bench`` runs."""

import sys

from benchmarks import measure
from reportgen.cli import open_pipeline, read_switches

if __name__ == "__main__":
    measure(open_pipeline(read_switches(tuple(sys.argv[1:]))))
