"""What a reader may conclude from the verdicts, in one sentence: the page, the PDF, the digest and the terminal say it."""

from collections.abc import Mapping, Sequence
from typing import Any


def conclusion(claims: Sequence[Mapping[str, Any]], loaded: bool) -> str:
    """The sentence; `loaded`: whether the net was trained elsewhere."""
    tested = [claim for claim in claims if claim["verdict"] != "not tested"]
    of = {claim.get("of", "net") for claim in tested}
    if not tested:
        return "No claim is tested, so nothing follows about them."
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
