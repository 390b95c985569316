"""``badge.json``: accuracy and verdicts in the form that shields.io's endpoint badge reads."""

import json
from collections.abc import Mapping
from typing import Any

COLOURS = {"warning": "orange", "contradicted": "yellow", "": "brightgreen"}


def of(metrics: Mapping[str, Any]) -> bytes:
    """The badge of a report: the accuracy, how many of the claims that were tested hold, and a colour.

    Where an image may show several classes, the mean average precision stands for the accuracy. Orange: the report warns that
    the net may be misread; yellow: a claim is contradicted; else green.
    """
    verdicts = [claim["verdict"] for claim in metrics["claims"] if claim["verdict"] != "not tested"]
    model = metrics["model"]
    right = [] if model["top1"] is None else [f"{100 * model['top1']:.1f} %"]
    if model.get("map") is not None:
        right = [f"mAP {100 * model['map']:.1f} %"]
    wrong = "warning" if model.get("warning") else "contradicted" if "contradicted" in verdicts else ""
    badge = {
        "schemaVersion": 1,
        "label": "reportgen",
        "message": ", ".join([*right, f"{verdicts.count('holds')} of {len(verdicts)} claims hold"]),
        "color": COLOURS[wrong],
    }
    return (json.dumps(badge, indent=1, ensure_ascii=False) + "\n").encode()
