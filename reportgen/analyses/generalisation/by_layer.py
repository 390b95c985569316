"""Linear classifiers on each layer, through all its numbers and through as many as every other layer (table 7)."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from threadpoolctl import threadpool_limits

from reportgen.analyses.generalisation.components import Components, principal
from reportgen.analyses.generalisation.folds import Folds
from reportgen.analyses.generalisation.linear import Answers, Kind, classify, scaled
from reportgen.analyses.generalisation.reading import Read, Wanted, read
from reportgen.base.progress import track
from reportgen.look.condensed import condensed
from reportgen.look.inputs import Inputs

SOFTMAX = (5, 7)  # table 7's layers with a softmax; every layer has an SVM
INPUTS = ("equal", "all")  # as many numbers of each layer, and all that it has
MOST_COMPONENTS = 256
MOST_FITTED = 2000  # images that the components are fitted on; of more, so many are drawn


@dataclass(frozen=True)
class ByLayer:
    """What classifiers on each layer came to, at the largest number of training images."""

    layers: tuple[Read, ...]
    components: int  # of every layer, with equal inputs
    fitted_on: int  # images of the base set that they are the components of
    rows: tuple[tuple[str, int], ...]  # classifier and number of the layer, as in table 7
    correct: Bool[np.ndarray, "input row fold test"]
    strengths: Float[np.ndarray, "input row fold"]  # the C that was chosen
    fits: int
    unfinished: int  # of them

    def of(self, through: str, kind: str) -> Bool[np.ndarray, "layer fold test"]:
        """What the classifiers of one kind get right, by layer from below: through ``equal`` inputs, or ``all``."""
        return self.correct[INPUTS.index(through), [name == kind for name, _ in self.rows]]


def components(inputs: Inputs, wanted: Wanted, rng: np.random.Generator) -> tuple[dict[int, Components], int, int]:
    """The principal components of each layer over the base set's validation images.

    Returns them, how many of them every layer can give (of those in which anything varies), and the number of images.
    """
    count = len(inputs.data.val)
    chosen = np.arange(count) if count <= MOST_FITTED else np.sort(rng.choice(count, MOST_FITTED, replace=False))
    features, _ = read(inputs, wanted, inputs.data.val, chosen, "features of the base set’s validation images")
    found = {number: principal(values, MOST_COMPONENTS) for number, values in features.items()}
    return found, min((one.count for one in found.values() if one.count), default=1), len(chosen)


def fit(
    features: dict[int, Float[np.ndarray, "used feature"]],
    layers: tuple[Read, ...],
    fitted: tuple[dict[int, Components], int, int],
    labels: Int[np.ndarray, " image"],
    folds: Folds,
    count: int,
    seeds: Int[np.ndarray, " fold"],
) -> ByLayer:
    """Fit an SVM to each layer and a softmax to two, in each fold, through all their numbers and through equally many.

    `features`: of the images `folds.used`, by layer; `fitted`: what `components` returned.
    """
    of_layers, shared, fitted_on = fitted
    fewer = {number: of_layers[number].of(values, shared) for number, values in features.items()}
    test = np.searchsorted(folds.used, folds.test)

    def ask(one: tuple[str, Kind, int, int]) -> Answers:
        through, kind, number, fold = one
        chosen = folds.training(fold, count)
        train = np.searchsorted(folds.used, chosen)
        rows, prepared = (fewer[number], scaled) if through == "equal" else (features[number], condensed)
        points = prepared(rows[train], rows[test])
        return classify(kind, points[0], labels[chosen], points[1], labels[folds.test], int(seeds[fold]))

    numbers = [layer.number for layer in layers]
    rows: list[tuple[Kind, int]] = [("SVM", number) for number in numbers]
    rows += [("softmax", number) for number in numbers if number in SOFTMAX]
    work = [(through, *row, fold) for through in INPUTS for row in rows for fold in range(len(seeds))]
    with threadpool_limits(1):  # so small, they take six times as long on several threads that wait for each other
        answers = [ask(one) for one in track(work, "linear classifiers", unit="classifier")]
    shape = (len(INPUTS), len(rows), len(seeds))
    correct = np.array([answer.correct for answer in answers])
    return ByLayer(
        layers=layers,
        components=shared,
        fitted_on=fitted_on,
        rows=tuple(rows),
        correct=correct.reshape(*shape, correct.shape[1]),
        strengths=np.array([answer.strength for answer in answers]).reshape(shape),
        fits=sum(answer.fits for answer in answers),
        unfinished=sum(answer.unfinished for answer in answers),
    )
