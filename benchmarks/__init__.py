"""Speed, as ratios within one run: against captum, and against the bare forward pass (``make bench``).

The machines this runs on are shared and noisy, so each pair is timed in turn, A B A B, and the median ratio counts.
"""

from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from benchmarks import activations, occlusion, training
from benchmarks.measuring import Measurement, seconds
from reportgen.base.artifacts import write_json
from reportgen.base.progress import say
from reportgen.nets.device import resolve_device
from reportgen.nets.zfnet import ZFNet, initialise
from reportgen.page import pdf
from reportgen.pipeline import holdings
from reportgen.pipeline.run import Pipeline
from reportgen.settings.recipes import ZEILER_FERGUS


def measure(pipeline: Pipeline) -> None:
    """Measure everything, print a table, write ``bench.json``."""
    device = resolve_device(pipeline.settings.compute.device)
    torch.manual_seed(0)
    net = ZFNet(ZEILER_FERGUS).eval()
    initialise(net, "paper", torch.Generator().manual_seed(0))
    net = net.to(memory_format=torch.channels_last).to(device)
    found = [activations.search_ratio(net, device), activations.search_memory(net, device)]
    found += [*activations.projection_ratios(net, device), *occlusion.ratios(net, device)]
    found += activations.record_ratios(device)
    found += [training.step_ratio(device), *pdf_seconds(pipeline)]
    rows = [{**asdict(item), "holds": item.holds} for item in found]
    holdings.enter(pipeline.build, ["bench.json"])
    write_json(pipeline.build / "bench.json", rows)
    for item in found:
        sign = ">=" if item.better == "higher" else "<="
        say(f"{'ok  ' if item.holds else 'MISS'} {item.name:<64} {item.ratio:8.2f}  {sign} {item.target:g}")


def pdf_seconds(pipeline: Pipeline) -> list[Measurement]:
    """The PDF of the report that lies there, if one does, against fifteen seconds."""
    if any(pipeline.due(name) for name in pipeline.stages if name not in ("page", "pdf")):
        say("the PDF is not measured: make the report first")
        return []
    with TemporaryDirectory() as place:
        took = median(seconds(lambda: pdf.write(pipeline.build, Path(place), pipeline.run("pdf"))) for _ in range(3))
    return [Measurement("seconds for the PDF", took, 15.0, "lower")]
