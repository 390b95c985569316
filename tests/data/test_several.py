"""Answers to images that show several classes: against loops, and the same as ever where each shows one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from reportgen.data import several


def drawn(seed: int, images: int = 30, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and what the images show: one has nothing, one is not known at all."""
    rng = np.random.default_rng(seed)
    shows = rng.choice([0, 0, 0, 1, 1, -1], (images, classes)).astype(np.int8)
    shows[0], shows[1] = 0, -1
    return rng.integers(0, 4, (images, classes)).astype(float), shows


@given(some.integers(0, 1000))
def test_answers_are_the_most_probable_ones_as_many_as_there_are(seed: int) -> None:
    scores, shows = drawn(seed)
    found = several.answers(scores, shows)
    for values, row, said in zip(scores, shows, found, strict=True):
        asked = [kind for kind in range(6) if row[kind] != -1]
        best = sorted(asked, key=lambda kind: (-values[kind], kind))[: int((row == 1).sum())]
        assert np.flatnonzero(said).tolist() == sorted(best)


@given(some.integers(0, 1000))
def test_a_label_is_taken_for_itself_where_it_is_an_answer(seed: int) -> None:
    scores, shows = drawn(seed)
    images, labels = np.nonzero(shows == 1)
    found = several.taken_for(scores[images], labels, shows[images])
    said = several.answers(scores, shows)
    for place, (image, label) in enumerate(zip(images, labels, strict=True)):
        if said[image, label]:
            assert found[place] == label
        else:
            absent = [kind for kind in range(6) if shows[image, kind] == 0]
            assert found[place] == max(absent, key=lambda kind: (scores[image, kind], -kind))


def test_of_one_class_an_image_all_is_as_ever() -> None:
    scores, _ = drawn(3)
    labels = np.random.default_rng(1).integers(0, 6, 30)
    shows = (labels[:, None] == np.arange(6)).astype(np.int8)
    first = scores.argmax(axis=1)
    for targets in (labels, shows):
        assert (several.right(first, targets) == (first == labels)).all()
        assert several.answerable(targets).all()
        assert several.labels_an_image(targets) == 1
        assert (several.answers(scores, targets) == (first[:, None] == np.arange(6))).all()
    assert (several.taken_for(scores, labels, None) == first).all()
    assert ((several.taken_for(scores, labels, shows) == labels) == (first == labels)).all()


def test_chance_is_what_a_net_gets_that_always_names_the_commonest_class() -> None:
    shows = np.array([[1, 0, 1], [0, 0, 0], [-1, -1, -1], [-1, 1, 1], [1, 0, 0], [0, 0, 1]])
    known = shows[several.answerable(shows)]
    always = [several.right(np.full(len(known), kind), known).mean() for kind in range(3)]
    assert several.chance(shows, 3) == max(always) == 0.75
    assert several.chance(shows[1:3], 3) == several.chance(np.array([0, 0, 1]), 3) == 1 / 3
    _, many = drawn(5, images=400)
    assert several.chance(many, 6) >= (many == 1).sum(axis=1).mean() / 6


def test_what_is_known_and_what_can_be_answered() -> None:
    shows = np.array([[1, 0, 1], [0, 0, 0], [-1, -1, -1], [-1, 1, -1]])
    assert several.labelled(shows).tolist() == [True, True, False, True]
    assert several.answerable(shows).tolist() == [True, False, False, True]
    assert several.labels_an_image(shows) == 1.5
    assert several.right(np.array([2, 0, 0, 0]), shows).tolist() == [True, False, False, False]
    unknown = several.taken_for(np.array([[0.1, 0.2, 0.9]]), np.array([1]), shows[2:3])
    assert unknown.tolist() == [2]
