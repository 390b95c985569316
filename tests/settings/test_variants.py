"""The comparison nets: the paper's variants, each once, and how they are trained."""

import pytest
from small_nets import TINY

from reportgen.analyses import registry
from reportgen.claims import paper
from reportgen.settings import variants
from reportgen.settings.recipes import KRIZHEVSKY, PAPER_RECIPE, SMALL, ZEILER_FERGUS, TrainingSettings
from reportgen.settings.variants import BY_NAME, VARIANTS

BASES = {"krizhevsky": KRIZHEVSKY, "zfnet": ZEILER_FERGUS}


@pytest.mark.parametrize(
    ("base", "table"), [("krizhevsky", paper.ABLATION_KRIZHEVSKY), ("zfnet", paper.ABLATION_ZEILER_FERGUS)]
)
def test_every_row_of_table_3_is_one_variant(base: str, table: dict[str, paper.Errors]) -> None:
    rows = [variant.row for variant in VARIANTS if variant.base == base and variant.row]
    assert sorted(rows) == sorted(table)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_at_the_papers_size_a_variant_is_what_its_row_says(variant: variants.Variant) -> None:
    base = BASES[variant.base]
    net = variant.applied(base)
    removed = [int(word) for word in variant.row.removeprefix("without ").replace(",", "").split() if word.isdigit()]
    assert list(net.removed) == (removed if variant.row.startswith("without") else [])
    units = next((count for count in (2048, 8192) if f"6, 7: {count} units" in variant.row), 4096)
    assert net.fully_connected == (units, units)
    assert net.widths[2:] == ((512, 1024, 512) if "512, 1024, 512" in variant.row else base.widths[2:])
    assert (net.widths[:2], net.first_filter, net.first_stride) == (
        base.widths[:2],
        base.first_filter,
        base.first_stride,
    )


def test_small_nets_vary_in_proportion() -> None:
    net = BY_NAME["zfnet-wider-double"].applied(SMALL)
    assert net.widths == (48, 128, 256, 512, 256)
    assert net.fully_connected == (512, 512)
    assert BY_NAME["krizhevsky-half-6-7"].applied(TINY).fully_connected == (12, 8)


def test_the_two_by_the_papers_recipe_differ_in_clipping_alone() -> None:
    given = TrainingSettings(epochs=64, learning_rate=0.5)
    with_, without = (BY_NAME[name].training(given, 5, 3) for name in ("paper-clipped", "paper-unclipped"))
    assert (with_.clip_rms, without.clip_rms) == (PAPER_RECIPE.clip_rms, 0.0)
    for recipe in (with_, without):
        assert (recipe.epochs, recipe.learning_rate, recipe.inputs) == (3, PAPER_RECIPE.learning_rate, "paper")
        assert recipe.snapshots == (3.0,)


def test_the_others_are_trained_until_they_have_learned_however_the_reports_net_is() -> None:
    recipe = BY_NAME["zfnet"].training(TrainingSettings(epochs=64, learning_rate=0.5), 50, 3)
    assert (recipe.epochs, recipe.snapshots, recipe.early_snapshots) == (50, (50.0,), ())
    assert (recipe.schedule, recipe.watched, recipe.crops, recipe.dropout) == ("plateau", "train", False, 0.0)
    assert BY_NAME["krizhevsky"].training(PAPER_RECIPE, 50, 3) == recipe
    assert BY_NAME["zfnet"].training(TrainingSettings(precision="bfloat16"), 50, 3).precision == "bfloat16"


def test_only_the_two_architectures_are_trained_with_every_seed() -> None:
    nets = variants.compared(("zfnet", "krizhevsky-without-7", "zfnet"), 3)
    assert [net.stage for net in nets] == [
        "compare/zfnet",
        "compare/zfnet-seed1",
        "compare/zfnet-seed2",
        "compare/krizhevsky-without-7",
    ]


def test_the_registry_names_nets_that_there_are() -> None:
    named = [name.split("/")[1] for analysis in registry.ANALYSES for name in analysis.reads if "/" in name]
    assert named
    assert set(named) <= set(BY_NAME)
