"""The last lines of a run."""

from collections.abc import Iterator, Mapping
from typing import Any

from reportgen.base.artifacts import read_json
from reportgen.page.conclusion import ORDER, conclusion, failing, of_which_training, shared_reasons
from reportgen.page.filters import interval
from reportgen.pipeline.run import Pipeline


def lines(pipeline: Pipeline, took: Mapping[str, float], seconds: float) -> Iterator[str]:
    """How long each stage took, what the report says, and where it is.

    `seconds`: from the command's start, by the clock; several stages made at once take more than that together.
    """
    if not took:
        yield "everything is up to date"
    else:
        longest = sorted(took, key=lambda name: took[name], reverse=True)
        yield "  ".join(f"{name} {took[name]:.1f} s" for name in longest)
        yield f"{seconds:.0f} s in all"
    metrics = read_json(pipeline.report / "metrics.json")
    model, data = metrics["model"], metrics["data"]
    if model["top1"] is None:
        yield f"{model['name']} on {data['name']}: no image has a label that the net knows"
    else:
        images = "labelled images" if model["weights"] != "trained here" else "validation images"
        said = "" if model.get("map") is None else f"mean average precision {100 * model['map']:.1f} %, first guess of "
        right = f"{100 * model['top1']:.1f} % of {model['labelled_images']:,} {images} right"
        yield f"{model['name']} on {data['name']}: {said}{right}"
    if model.get("warning"):
        yield f"     warning: {model['warning']}"
    verdicts = [claim for claim in metrics["claims"] if claim["verdict"] != "not tested"]
    marked = of_which_training(metrics["claims"])
    for claim in sorted(verdicts, key=lambda claim: ORDER.index(claim["verdict"])):
        parts, mark = failing(claim), marked.get(claim["id"])
        fails, of = f"; it fails in {parts}" if parts else "", f"; {mark}" if mark else ""
        yield f"{claim['verdict']:>12}  {claim['id']}: {_measured(claim)}{fails}{of}"
    for why, those in shared_reasons(verdicts).items():
        yield f"{len(those)} claims are undecided for one reason ({', '.join(those)}): {why}"
    untested = len(metrics["claims"]) - len(verdicts)
    if untested:
        are = "is" if untested == 1 else "are"
        yield f"{untested} of the paper's {len(metrics['claims'])} claims {are} not tested: the report says why"
    yield conclusion(metrics["claims"], bool(model.get("loaded")))
    yield f"report: {pipeline.report / 'index.html'}"
    pdf = pipeline.report / "report.pdf"
    yield f"        {pdf}" if pdf.exists() else "        no PDF: see above"


def _measured(claim: Mapping[str, Any]) -> str:
    """The estimate with its interval and unit, or why there is none."""
    return str(claim["why"]) if claim["estimate"] is None else interval(claim)
