"""Normalisation by statistics of this image: its mean and deviation are held fast (Ali et al. 2022, arXiv 2202.07304)."""

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from reportgen.probe.record.base import Family, Recorded, Rule


@dataclass(frozen=True)
class Normalised(Rule):
    """The signal times weight / deviation, then minus its mean over what was normalised together."""

    factor: Tensor = field(kw_only=True)  # broadcast to the signal
    together: tuple[int, ...] = ()  # axes of the mean, in the signal as ``grouped``; none for RMSNorm
    grouped: tuple[int, ...] = ()  # the shape in which these axes exist; empty: the signal's own

    def down(self, signal: Tensor, gradients: Any) -> list[Tensor | None]:
        scaled = signal * self.factor
        if self.together:
            parts = scaled.reshape(self.grouped or scaled.shape)
            scaled = (parts - parts.mean(self.together, keepdim=True)).reshape(scaled.shape)
        return [scaled, *[None] * (len(gradients) - 1)]


def _weighted(factor: Tensor, weight: Tensor | None) -> Tensor:
    return factor if weight is None else factor * weight


def _layer_norm(recorded: Recorded) -> Rule:
    axes = tuple(range(-len(recorded.saved("normalized_shape")), 0))
    return Normalised("LayerNorm", factor=_weighted(recorded.saved("result2"), recorded.saved("weight")), together=axes)


def _rms_norm(recorded: Recorded) -> Rule:
    return Normalised("RMSNorm", factor=_weighted(recorded.saved("result1"), recorded.saved("weight")))


def _group_norm(recorded: Recorded) -> Rule:
    groups, shape = recorded.saved("group"), recorded.saved("input").shape
    per_map = recorded.saved("result2").repeat_interleave(shape[1] // groups, 1)  # image map
    factor = _weighted(per_map, recorded.saved("weight")).view(*shape[:2], *[1] * (len(shape) - 2))
    return Normalised("GroupNorm", factor=factor, together=(2,), grouped=(shape[0], groups, -1))


def _batch_norm(recorded: Recorded) -> Rule:
    """Times gamma / sqrt(var + eps) in ``eval()``; on statistics of this image it is an InstanceNorm.

    torch's own gradient would be the rule in ``eval()``, but torch 2.15 takes the signal in another order on a CPU where it
    comes from tokens (a view of transposed memory).
    """
    rank = recorded.saved("input").dim()
    shape = (1, -1, *[1] * (rank - 2))
    if not recorded.saved("training"):
        variance, eps = recorded.saved("running_var"), recorded.saved("eps", recorded.saved("epsilon"))
        return Normalised(factor=_weighted((variance + eps).rsqrt(), recorded.saved("weight")).view(shape))
    factor = _weighted(recorded.saved("result2"), recorded.saved("weight")).view(shape)
    return Normalised("InstanceNorm", factor=factor, together=(0, *range(2, rank)))


NORMS: Family = {
    "NativeLayerNorm": _layer_norm,
    "NativeGroupNorm": _group_norm,
    "FusedRmsNorm": _rms_norm,
    **dict.fromkeys(("NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"), _batch_norm),
}
