"""The four nets of the claim, which get independent images wrong, in shares that are hit exactly."""

from typing import Any

import numpy as np
from planted import facts

from reportgen.analyses.ablation.analysis import DEPTH, Ensemble, Result

IMAGES = 3000  # of the default profile


def result(
    errors: tuple[float, float, float, float] = (0.2, 0.22, 0.25, 0.5), images: int = IMAGES, **more: Any
) -> Result:
    """Errors of the whole net, without layers 3 and 4, without 6 and 7, without all four; `more`: other nets' facts."""
    rng = np.random.default_rng(0)
    wrong = {
        name: rng.permutation(np.arange(images) < round(share * images)).astype(float)
        for name, share in zip(DEPTH, errors, strict=True)
    }
    known = {name: facts(round(images * (1 - values.mean())), images) for name, values in wrong.items()}
    return planted(known | more, wrong, images, ensembles={DEPTH[0]: Ensemble(2, errors[0], None)})


def planted(
    facts: dict[str, Any],
    wrong: dict[str, np.ndarray],
    images: int = IMAGES,
    doubt: str = "",
    ensembles: dict[str, Ensemble] | None = None,
) -> Result:
    """Nets with these facts, wrong on these images, all of them trained out unless there is a `doubt`."""
    return Result(
        facts=facts,
        wrong=wrong,
        top5=dict.fromkeys(wrong),
        doubt=doubt,
        ensembles=ensembles or {},
        images=images,
        on="further images",
    )


def untrained() -> Result:
    """Of a run without comparison nets."""
    return planted({}, {})
