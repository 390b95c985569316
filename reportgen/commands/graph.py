"""``make why`` and ``make graph``: which stages are due, what that takes, and how they hang together."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from reportgen.base.progress import span
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline

DRAWING = "graph.svg"  # in the build folder
TRAINING = ("reportgen.stages.net", "reportgen.stages.compare")  # modules of the stages that train a net
SIGNS = {True: "●", False: "○"}  # due, made


def summary(pipeline: Pipeline, due: Sequence[str]) -> str:
    """One line: how many stages are due, how long they take by the clock of their last time, and how many nets are trained."""
    if not due:
        return "everything is up to date"
    took = pipeline.times
    known = [took[name] for name in due if name in took]
    unknown = len(due) - len(known)
    lasts = f"about {span(sum(known))}" if known else ""
    if unknown:
        never = "how long that takes is not known yet" if not known else f"and {unknown} that never ran here"
        lasts = ", ".join(filter(None, (lasts, never)))
    nets = sum(pipeline.stages[name].module in TRAINING for name in due)
    trained = "no net is trained" if not nets else "1 net is trained" if nets == 1 else f"{nets} nets are trained"
    return f"{len(due)} {'stage is' if len(due) == 1 else 'stages are'} due, {lasts}; {trained}"


def lines(pipeline: Pipeline, due: Sequence[str]) -> Iterator[str]:
    """A line for each stage: due or made, its name, and the stages that it reads, without those that these read anyway."""
    reads = direct({name: stage.inputs for name, stage in pipeline.stages.items()})
    wide = max(map(len, reads))
    for name, before in reads.items():
        yield f"{SIGNS[name in due]} {name:{wide}}  {'reads ' + ', '.join(before) if before else ''}".rstrip()
    yield f"{SIGNS[True]} due, {SIGNS[False]} made"


def direct(inputs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The inputs of each stage but those that it reaches through another of its inputs; each stage after those it reads."""
    above: dict[str, set[str]] = {}  # everything that a stage depends on
    found = {}
    for name, before in inputs.items():
        further = set().union(*(above[one] for one in before))
        above[name] = further | set(before)
        found[name] = [one for one in before if one not in further]
    return found


def ranks(reads: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """How many stages lie before each, one after the other."""
    found: dict[str, int] = {}
    for name, before in reads.items():
        found[name] = max((found[one] + 1 for one in before), default=0)
    return found


def draw(pipeline: Pipeline, due: Sequence[str]) -> Path:
    """Draw the stages, those that are due filled, into the build folder; returns the file."""
    from reportgen.figures.draw.graph import draw_graph  # matplotlib: make why does without

    holdings.enter(pipeline.build, [DRAWING])
    reads = direct({name: stage.inputs for name, stage in pipeline.stages.items()})
    path = pipeline.build / DRAWING
    draw_graph(reads, ranks(reads), set(due), path)
    return path
