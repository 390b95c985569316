"""The paper's claims, its printed numbers, and how a run is judged. Nothing here imports torch."""

from reportgen.claims.intervals import (
    RESAMPLES,
    difference_part,
    jackknife_part,
    mean_part,
    resampled_part,
    weighted_part,
)
from reportgen.claims.statements import BY_ID, CLAIMS, Claim
from reportgen.claims.verdicts import ABOVE_ZERO, COMPETENT, LEVEL, Part, Verdict, competence, gated, not_tested

__all__ = [
    "ABOVE_ZERO",
    "BY_ID",
    "CLAIMS",
    "COMPETENT",
    "LEVEL",
    "RESAMPLES",
    "Claim",
    "Part",
    "Verdict",
    "competence",
    "difference_part",
    "gated",
    "jackknife_part",
    "mean_part",
    "not_tested",
    "resampled_part",
    "weighted_part",
]
