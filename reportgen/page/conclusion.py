"""What a reader may conclude from the verdicts, in one sentence, and the reasons that several of them share."""

from collections.abc import Mapping, Sequence
from typing import Any

ORDER = ("contradicted", "undecided", "holds", "not tested")  # of verdicts: what fails first


def conclusion(claims: Sequence[Mapping[str, Any]], loaded: bool) -> str:
    """The sentence; `loaded`: whether the net was trained elsewhere."""
    tested = [claim for claim in claims if claim["verdict"] != "not tested"]
    decided = [claim for claim in tested if claim["verdict"] != "undecided"]  # an undecided one is not marked
    of = {claim.get("of", "net") for claim in decided}
    if not tested:
        return "No claim is tested, so nothing follows about them."
    if not decided:
        return "No claim is decided: more images may decide one."
    if of == {"training"}:
        return (
            "A claim that holds here would hold again for other images of this kind and for another training of this net on "
            "these images."
        )
    if "training" in of:
        return (
            "A claim that holds here would hold again for other images of this kind; another training may change those that "
            "are marked “of this trained net”."
        )
    if loaded:
        return (
            "A claim that holds here holds of this trained net, for other images of this kind too; nothing is known of "
            "training it again."
        )
    return (
        "A claim that holds here holds of this trained net, for other images of this kind too; training it again may change "
        "it, and REPEATS=3 measures by how much."
    )


def of_which_training(claims: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What some verdicts say of this trained net and others of training this way: by a claim's name, the words that mark it.

    Empty where all speak of one thing, which the `conclusion` then says.
    """
    if not any(claim.get("of") == "training" for claim in claims):
        return {}
    marked = {}
    for claim in claims:
        verdict, alone = claim["verdict"], claim.get("net")
        if claim.get("of") == "training":
            if alone is not None and alone != verdict:
                marked[claim["id"]] = f"this trained net alone: {alone}"
        elif verdict not in ("undecided", "not tested"):
            marked[claim["id"]] = "of this trained net"
    return marked


def failing(claim: Mapping[str, Any]) -> str:
    """Which parts of a contradicted claim fail, ``1 of 4 parts (layer 5)``; empty for a claim of one part, or another verdict."""
    names = [part["name"] for part in claim["parts"] if part["outcome"] == "contradicted"]
    if claim["verdict"] != "contradicted" or len(claim["parts"]) < 2:
        return ""
    return f"{len(names)} of {len(claim['parts'])} parts ({'; '.join(names)})"


def reason(claim: Mapping[str, Any]) -> str:
    """Why a verdict is what it is: of a contradicted claim which parts fail, not why others are left open."""
    parts = failing(claim)
    return f"it fails in {parts}" if parts else str(claim["why"])


def shared_reasons(claims: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Why claims are undecided, where several are for one reason: the reason, and their names. Said once, it is read.

    Reasons that differ in what follows a colon alone, such as an interval, are one: then they are said up to it.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for claim in claims:
        if claim["verdict"] == "undecided" and claim["why"]:
            found.setdefault(claim["why"].partition(": ")[0], []).append(claim)
    shared = {}
    for head, those in found.items():
        if len(those) > 1:
            said = {claim["why"] for claim in those}
            shared[said.pop() if len(said) == 1 else head] = [claim["id"] for claim in those]
    return shared


def reason_among(shared: Mapping[str, Sequence[str]], claim: Mapping[str, Any]) -> str:
    """The reason that a claim shares with others (`shared_reasons`); empty if it shares none."""
    return next((why for why, those in shared.items() if claim["id"] in those), "")
