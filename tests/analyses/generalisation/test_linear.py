"""Linear classifiers: the condensed coordinates against scikit-learn on all features, and what cannot be learned."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from reportgen.analyses.generalisation import linear
from reportgen.analyses.generalisation.linear import classify
from reportgen.look.condensed import condensed

LABELS, TEST_LABELS = np.repeat(np.arange(3), 8), np.repeat(np.arange(3), 40)


def clouds(features: int, apart: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Training and test points of three overlapping classes, their features on scales of their own."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(0, apart, (3, features))
    scales = rng.uniform(0.01, 100, features)
    train, test = (centres[labels] + rng.normal(size=(len(labels), features)) for labels in (LABELS, TEST_LABELS))
    return (train * scales + 3).astype(np.float32), (test * scales + 3).astype(np.float32)


@pytest.mark.parametrize("features", [5, 24, 500])
def test_inner_products_are_those_of_the_standardised_features(features: int) -> None:
    train, test = clouds(features, 0.3)
    scaler = StandardScaler().fit(train.astype(np.float64))
    whole, other = (scaler.transform(part.astype(np.float64)) / np.sqrt(features) for part in (train, test))
    points, asked = condensed(train, test)
    assert points.shape[1] == min(features, len(train))
    np.testing.assert_allclose(points @ points.T, whole @ whole.T, atol=1e-6)
    np.testing.assert_allclose(asked @ points.T, other @ whole.T, atol=1e-6)


@pytest.mark.parametrize("kind", ["SVM", "softmax"])
@pytest.mark.parametrize("apart", [0.02, 0.15])
def test_its_answers_are_those_of_a_classifier_on_all_features(kind: linear.Kind, apart: float) -> None:
    train, test = clouds(400, apart)
    points, asked = condensed(train, test)
    found = classify(kind, points, LABELS, asked, TEST_LABELS, seed=0)
    strength = found.strength / 400  # `condensed` divides squared features by their number
    if kind == "SVM":
        model = LinearSVC(
            dual=False, C=strength, intercept_scaling=20.0
        )  # the intercept counts as a feature of 1 there
    else:
        model = LogisticRegression(C=strength, max_iter=5000, tol=1e-8)
    whole = make_pipeline(StandardScaler(), model).fit(train.astype(np.float64), LABELS)
    agreed = found.correct == (whole.predict(test.astype(np.float64)) == TEST_LABELS)
    assert agreed.mean() > 0.97
    assert found.strength in linear.GRID
    assert (found.fits, found.unfinished) == (len(linear.GRID) * 3 + 1, 0)


@pytest.mark.parametrize("kind", ["SVM", "softmax"])
def test_a_feature_that_is_the_class_is_enough_from_one_image(kind: linear.Kind) -> None:
    points, asked = condensed(np.eye(3, dtype=np.float32), np.eye(3, dtype=np.float32)[TEST_LABELS])
    found = classify(kind, points, np.arange(3), asked, TEST_LABELS, seed=0)
    assert found.correct.all()
    assert (found.strength, found.fits) == (1.0, 1)


@pytest.mark.parametrize("kind", ["SVM", "softmax"])
def test_features_that_never_vary_leave_chance(kind: linear.Kind) -> None:
    points, asked = condensed(np.full((24, 7), 0.1, np.float32), np.full((120, 7), 0.1, np.float32))
    found = classify(kind, points, LABELS, asked, TEST_LABELS, seed=0)
    assert found.correct.mean() == pytest.approx(1 / 3)
    assert found.strength == linear.GRID[0]  # of equals the smallest


def test_a_feature_that_is_the_same_for_all_training_images_does_not_count() -> None:
    train, test = clouds(6, 1.0)
    dead = np.full((24, 1), 0.1, np.float32), np.linspace(-1e6, 1e6, 120, dtype=np.float32)[:, None]
    kept = condensed(train, test)
    more = condensed(np.hstack([train, dead[0]]), np.hstack([test, dead[1]]))
    for part, other in zip(kept, more, strict=True):
        np.testing.assert_array_equal(part, other)


def test_a_fit_that_does_not_converge_is_counted_and_does_not_warn(monkeypatch: pytest.MonkeyPatch) -> None:
    train, test = clouds(30, 0.1)
    points, asked = condensed(train, test)
    monkeypatch.setattr(linear, "_classifier", lambda _: LogisticRegression(max_iter=1, tol=1e-12))
    found = classify("softmax", points, LABELS, asked, TEST_LABELS, seed=0)
    assert found.unfinished > 10


def test_other_warnings_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Warning_(LogisticRegression):
        def fit(self, X, y, sample_weight):
            linear.warnings.warn("odd", UserWarning, stacklevel=1)
            return super().fit(X, y, sample_weight)

    monkeypatch.setattr(linear, "_classifier", lambda _: Warning_())
    points, asked = condensed(*clouds(5, 1.0))
    with pytest.warns(UserWarning, match="odd"):
        classify("softmax", points, LABELS, asked, TEST_LABELS, seed=0)


def test_the_seed_decides() -> None:
    points, asked = condensed(*clouds(200, 0.08))
    found = [classify("SVM", points, LABELS, asked, TEST_LABELS, seed) for seed in (0, 0)]
    np.testing.assert_array_equal(found[0].correct, found[1].correct)


@pytest.mark.parametrize("kind", ["SVM", "softmax"])
def test_the_views_of_an_image_are_left_out_together(kind: linear.Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[np.ndarray] = []
    original = linear._classifier

    def watched(kind: linear.Kind):
        model = original(kind)
        fit = model.fit

        def noted(rows, labels, sample_weight):
            kept.append(rows[:, 0])
            return fit(rows, labels, sample_weight)

        model.fit = noted
        return model

    monkeypatch.setattr(linear, "_classifier", watched)
    images = np.repeat(np.arange(24.0), 4)  # four views of each image, whose first coordinate is the image's number
    points = np.column_stack([images, np.random.default_rng(0).normal(size=(96, 3))])
    classify(kind, points, np.repeat(LABELS, 4), points[:3], np.arange(3), seed=0, views=4)
    assert len(kept) == len(linear.GRID) * linear.PARTS + 1
    for rows in kept[:-1]:
        numbers, times = np.unique(rows, return_counts=True)
        assert len(numbers) == 16
        assert set(times) == {4}


def test_views_that_do_not_differ_change_no_answer() -> None:
    points, asked = condensed(*clouds(40, 0.3))
    once = classify("softmax", points, LABELS, asked, TEST_LABELS, seed=0)
    often = classify("softmax", np.repeat(points, 5, axis=0), np.repeat(LABELS, 5), asked, TEST_LABELS, seed=0, views=5)
    np.testing.assert_array_equal(once.correct, often.correct)
    assert (often.strength, often.fits) == (once.strength, once.fits)


def test_a_grid_that_is_warmly_started_chooses_what_one_fit_at_a_time_does() -> None:
    points, asked = condensed(*clouds(60, 0.25))
    found = classify("softmax", points, LABELS, asked, TEST_LABELS, seed=3)
    folds = StratifiedKFold(linear.PARTS, shuffle=True, random_state=3)
    grid = GridSearchCV(LogisticRegression(max_iter=5000), {"C": list(linear.GRID)}, cv=folds).fit(points, LABELS)
    assert found.strength == grid.best_params_["C"]
    np.testing.assert_array_equal(found.correct, grid.predict(asked) == TEST_LABELS)


def test_scaled_components_keep_their_proportions_and_have_squares_of_one() -> None:
    rng = np.random.default_rng(0)
    train, test = (rng.normal(5, (9.0, 3.0, 1.0), (count, 3)) for count in (50, 20))
    points, asked = linear.scaled(train, test)
    assert np.square(points).sum(axis=1).mean() == pytest.approx(1)
    np.testing.assert_allclose(points.mean(axis=0), 0, atol=1e-12)
    ratio = train.std(axis=0) / points.std(axis=0)
    np.testing.assert_allclose(ratio, ratio[0])
    np.testing.assert_allclose((asked - points[0]) * ratio, test - train[0])
    points, asked = linear.scaled(train[:2], test)  # fewer images than components
    assert points.shape == (2, 2)
    assert not np.any(linear.scaled(np.ones((5, 3)), test)[1])
