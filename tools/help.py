"""``make help``: list the Makefile's targets and the switches, from the files that declare them.

It runs before anything is installed, on any Python 3, so it does not import the package.
"""

import ast
import re
import sys
from pathlib import Path


def targets(makefile):
    """Each target's description and name: the description is the line above it that begins with two hashes."""
    return re.findall(r"^## (.*)\n([a-z]+):", makefile.read_text(encoding="utf-8"), flags=re.MULTILINE)


def switches(package):
    """Every switch that the package declares: its name, its help and its default."""
    for path in [package / "settings" / "switches.py", *sorted(package.glob("analyses/*/__init__.py"))]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Switch":
                name, _, help_, *default = [ast.literal_eval(argument) for argument in node.args]
                yield name, help_, "".join(default)


def main():
    """Print the targets and the switches, in columns."""
    root = Path(__file__).resolve().parent.parent
    print("Targets:")
    for text, name in targets(root / "Makefile"):
        print(f"  make {name:9} {text}")
    print("Switches, as in make report PROFILE=smoke SEED=3:")
    for name, text, default in switches(root / "reportgen"):
        print(f"  {name:14} {text}" + (f" [{default}]" if default else ""))
    print("Any setting is a switch too: SECTION_FIELD=value, as in TRAINING_LEARNING_RATE=0.01 or FEATURES_MAPS=24.")


if __name__ == "__main__":
    sys.exit(main())
