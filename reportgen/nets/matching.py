"""Which tensors of a file are a net's weights, whatever a training script put before their names or beside them.

A file's tensors are named by the way to them: ``state_dict/module.conv.weight`` lies in the mapping ``state_dict``.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from reportgen.base.errors import UserError

COMPILED = "_orig_mod."  # torch.compile's, which may stand anywhere in a name
OPTIONAL = "num_batches_tracked"  # a counter that old checkpoints lack, and inference does not need
AVERAGED = re.compile(r"(^|[._/])(s?ema|swa|averaged?|avg|n_averaged)([._/]|$)")  # in the way to averaged weights
NO_WEIGHTS = re.compile(r"^(optim|schedul|lr_sched|scaler|grad|moment|exp_avg)")  # mappings of a training's state
OLD_DENSENET = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\.\w+)$")  # torchvision's names of 2017

State = Mapping[str, Tensor]


@dataclass(frozen=True)
class Match:
    """A set of tensors in a file that fits a net's weights, or comes nearest to it."""

    before: str  # what stands before the names in the file, and not in the net: "state_dict/module."
    within: str  # the part of the net whose weights these are, where the net wraps it: "net."
    names: dict[str, str]  # the net's names, and where each lies in the file
    missing: list[str]  # weights of the net that the file lacks
    own: list[str] = field(default_factory=list)  # a wrapper's buffers and frozen weights, which stay as they are

    @property
    def key(self) -> str:
        """What stands before the names, as ``WEIGHTS_KEY=`` takes it."""
        return _as_key(self.before)

    @property
    def averaged(self) -> bool:
        """Whether these are averages over a training's last steps."""
        return AVERAGED.search(self.before) is not None


def matches(net: nn.Module, state: State, key: str, said_by: str) -> list[Match]:
    """The sets of a file's tensors that are all of the net's weights, the one to take first; else the nearest set alone.

    Averaged weights come before raw ones, as timm loads them, then those that stand first in the file. `key` leaves only tensors whose
    way begins so; raises UserError, with the keys that there are, where none does.
    """
    wanted = net.state_dict()
    names = {_plain(name): name for name in state if not _of_training(name)}
    if key:
        names = {plain: name for plain, name in names.items() if f"{_as_key(plain)}.".startswith(f"{key.strip('.')}.")}
        if not names:
            raise UserError(f"{said_by}: WEIGHTS_KEY={key}: no such weights in it (it has {', '.join(_keys(state))})")
    trained = {name for name, value in net.named_parameters() if value.requires_grad}
    groups = _grouped(names)
    found = [
        _match(before, tensors, within, inner, wanted, trained)
        for within, inner in _grouped(
            {name.replace(COMPILED, ""): name for name in wanted}, at_least=len(wanted) / 2
        ).items()
        for before, tensors in groups.items()
        if not inner.keys().isdisjoint(tensors)  # of what has no name of the net's, there may be very much
    ]
    found = [match for match in found if match.names] or [_match(_largest_mapping(names), {}, "", {}, wanted, trained)]
    whole = [match for match in found if not match.missing]
    fitting = [match for match in whole if _same_shapes(match, state, wanted)]
    if not whole:
        return [max(found, key=lambda match: len(match.names))]
    best = sorted(fitting or whole, key=lambda match: (len(match.own), not match.averaged))
    # A wrapper's part fits also where the whole fits: only sets for the same part stand beside each other.
    return [match for match in best if match.within == best[0].within]


def strangers(match: Match, state: State) -> tuple[list[str], list[str]]:
    """The tensors beside a net's weights that are none of them: those that are no part of such a net, and the others.

    A loss, a metric or another net beside this one is none of its parts; a further layer in one of its blocks is, and
    means that the file is another net's.
    """
    home = match.before[: match.before.rfind("/") + 1]
    taken, blocks = set(match.names.values()), {_first(name[len(match.within) :]) for name in match.names}
    beside: list[str] = []
    inside: list[str] = []
    for name, tensor in state.items():
        plain = _plain(name)
        if name in taken or not plain.startswith(home) or "/" in plain[len(home) :] or _of_training(name):
            continue
        rest = plain.removeprefix(match.before)
        alone = "." not in rest and tensor.dim() > 1  # a weight of the net's own, such as a class token
        part = plain.startswith(match.before) and (_first(rest) in blocks or alone)
        (inside if part else beside).append(plain[len(home) :])
    return beside, inside


def _match(
    before: str, tensors: Mapping[str, str], within: str, inner: Mapping[str, str], wanted: State, trained: set[str]
) -> Match:
    names = {name: tensors[rest] for rest, name in inner.items() if rest in tensors}
    # Of weights that two layers share, safetensors keeps one.
    taken = {wanted[name].data_ptr() for name in names if wanted[name].numel()}
    lacking = [
        name
        for name, value in wanted.items()
        if name not in names and not name.endswith(OPTIONAL) and value.data_ptr() not in taken
    ]
    own = [name for name in lacking if within and not name.startswith(within) and name not in trained]
    return Match(before, within, names, [name for name in lacking if name not in own], own)


def _grouped(names: Mapping[str, str], at_least: float = 1) -> dict[str, dict[str, str]]:
    """By each beginning that enough of the names share: the rests of the names, and what `names` says of each."""
    found: dict[str, dict[str, str]] = {}
    for name, known in names.items():
        for end in (0, *(place.end() for place in re.finditer(r"[./]", name))):
            found.setdefault(name[:end], {})[name[end:]] = known
    return {begin: rests for begin, rests in found.items() if len(rests) >= at_least}


def _largest_mapping(names: Iterable[str]) -> str:
    homes = Counter(name[: name.rfind("/") + 1] for name in names).most_common(1)
    return homes[0][0] if homes else ""


def _same_shapes(match: Match, state: State, wanted: State) -> bool:
    return all(state[there].shape == wanted[name].shape for name, there in match.names.items())


def _plain(name: str) -> str:
    """A name without what torch.compile puts in, and as torchvision writes it today."""
    return OLD_DENSENET.sub(r"\1\2", name.replace(COMPILED, ""))


def _of_training(name: str) -> bool:
    """Whether a tensor is the state of an optimiser or the like, by the mappings that it lies in."""
    return any(NO_WEIGHTS.match(part) for part in name.split("/")[:-1])


def _as_key(name: str) -> str:
    return name.strip("./").replace("/", ".")


def _keys(state: State) -> Iterator[str]:
    """The mappings of a file that hold tensors, else the first parts of their names."""
    homes = {_as_key(name[: name.rfind("/") + 1]) for name in state} - {""}
    return iter(sorted(homes or {_first(name) for name in state}))


def _first(name: str) -> str:
    return re.split(r"[./]", name, maxsplit=1)[0]
