import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vaemol.interpolation import described, identity, interpolate, judged, measures, random_ends, spearman
from vaemol.molecule import tanimoto
from vaeseq.errors import InputError
from vaeseq.walks import Walk, ends_of, placed

ETHANOL, PROPANOL, BENZENE = "CCO", "CCCO", "c1ccccc1"
POINTS = [(0.0, ETHANOL), (0.25, PROPANOL), (0.5, ""), (0.75, PROPANOL), (1.0, BENZENE)]
PATH = [smiles for _, smiles in POINTS]


def test_a_point_has_its_similarities_and_properties():
    points = described(POINTS, ETHANOL, BENZENE)
    assert points[0].similarity_start == points[-1].similarity_end == 1
    assert points[-1].similarity_start == points[0].similarity_end == 0
    assert 0 < points[1].similarity_start < 1
    assert points[-1].log_p == pytest.approx(1.6866, abs=1e-3)  # Wildman & Crippen: 6 (0.1581 + 0.1230)
    assert points[2][:2] == (0.5, "")
    assert all(math.isnan(value) for value in points[2][2:-1])


def test_of_each_point_the_other_molecules_are_told_that_its_draws_are(space):
    ends, how = ("CC(=O)Oc1ccccc1C(=O)O", "NC1CCCC1O"), {"steps": 4, "kind": "lerp"}
    points = interpolate(space, *ends, **how, draws=6, seed=2)
    assert [point._replace(drawn="") for point in points] == interpolate(space, *ends, **how)
    assert points == interpolate(space, *ends, **how, draws=6, seed=2) != interpolate(space, *ends, **how, draws=6)
    (codes,) = ends_of(space, [ends])
    texts = space.decode(placed(space, codes, 4, "lerp")[1].repeat_interleave(6, dim=0), temperature=1.0, seed=2)
    for i, point in enumerate(points):
        assert set(point.drawn.split()) == set(texts[6 * i : 6 * i + 6]) - {"", point.smiles}
    assert any(point.drawn for point in points)


def test_measures_against_a_table_by_hand():
    found = measures(PATH, ETHANOL, BENZENE)
    assert found.both_ends_exact
    assert (found.validity, found.validity_of) == (0.8, 5)
    assert (found.distinct_interior, found.distinct_interior_of) == (1, 3)
    # ranks of similarity to the first end: 4, 2.5, 2.5, 1 at places 1, 2, 3, 4
    assert found.spearman == pytest.approx(-4.5 / math.sqrt(5 * 4.5))
    known = tanimoto(ETHANOL, PROPANOL), tanimoto(PROPANOL, BENZENE)
    assert found.neighbour_tanimoto == pytest.approx(sum(known) / 2)
    assert math.isnan(found.least_neighbour_tanimoto)
    assert measures([ETHANOL, PROPANOL, BENZENE], ETHANOL, BENZENE).least_neighbour_tanimoto == min(known)


def test_a_missed_end_shows():
    assert not measures(PATH, PROPANOL, BENZENE).both_ends_exact
    assert not measures(PATH, ETHANOL, PROPANOL).both_ends_exact
    # The ends are no discovery.
    assert measures(PATH, PROPANOL, BENZENE).distinct_interior == 0


def test_a_path_without_molecules_has_no_order():
    found = measures(["", ""], ETHANOL, BENZENE)
    assert (found.both_ends_exact, found.validity, found.distinct_interior) == (False, 0, 0)
    assert math.isnan(found.spearman)
    assert math.isnan(found.neighbour_tanimoto)
    assert math.isnan(found.least_neighbour_tanimoto)


@given(values=st.lists(st.integers(-(10**6), 10**6), min_size=2, unique=True))
def test_spearman_sees_order_only(values):
    assert spearman(values, [math.atan(value / 1e6) for value in values]) == pytest.approx(1, abs=1e-9)
    assert spearman(values, [-value for value in values]) == pytest.approx(-1)


@pytest.mark.parametrize("values", [[], [1.0], [2.0, 2.0]])
def test_spearman_of_nothing_that_varies_is_nan(values):
    assert math.isnan(spearman(values, values))


@pytest.mark.parametrize("kind", ["slerp", "lerp", "density"])
def test_interpolate_walks_between_posterior_means(space, kind):
    points = interpolate(space, ETHANOL, "OC1CCCC1N", steps=5, kind=kind)
    assert [point.t for point in points] == [0, 0.25, 0.5, 0.75, 1]
    assert [points[0].smiles, points[-1].smiles] == space.reconstruct([ETHANOL, "OC1CCCC1N"])


@pytest.mark.parametrize("bad", ["", "nonsense", "C" * 100_000, "[Xe]"])
def test_a_molecule_that_cannot_be_read_is_named(space, bad):
    with pytest.raises(InputError, match="molecule"):
        interpolate(space, ETHANOL, bad)


def test_identity_is_canonical(space):
    assert identity(space, "OCC") == ETHANOL
    with pytest.raises(InputError, match="nonsense"):
        identity(space, "nonsense")


def test_figures_over_walks_state_what_they_are_of():
    walks = [Walk(POINTS, ETHANOL, BENZENE, asked=True), Walk(POINTS, PROPANOL, BENZENE, asked=True)]
    walks.append(Walk(POINTS, ETHANOL, BENZENE, asked=False))
    rows, figures = judged(walks, {})
    assert (figures["both_ends_exact"], figures["both_ends_exact_of"]) == (0.5, 2)
    assert (figures["validity"], figures["validity_of"]) == (0.8, 15)
    assert figures["distinct_interior_median"] == 1
    assert [row["valid"] for row in rows[0]] == [True, True, False, True, True]
    assert [row["text"] for row in rows[0]] == [smiles for _, smiles in POINTS]


def test_figures_that_are_not_known_are_none():
    _, figures = judged([Walk([(0.0, ""), (1.0, "")], "", "", asked=False)], {})
    assert figures["both_ends_exact"] is figures["spearman_median"] is figures["neighbour_tanimoto"] is None


def test_a_filled_path_has_no_molecule_twice_and_the_same_ends(space):
    start, end = "CC(=O)Oc1ccccc1C(=O)O", "OC1CCCC1N"
    plain = interpolate(space, start, end, steps=5)
    found = interpolate(space, start, end, steps=5, most=12)
    assert interpolate(space, start, end, steps=5, most=5) == plain
    smiles = [point.smiles for point in found]
    assert len(set(smiles)) == len(smiles) <= 12
    assert (smiles[0], smiles[-1]) == (plain[0].smiles, plain[-1].smiles)
    assert (found[0].t, found[-1].t) == (0, 1)
    assert {point.t for point in found} - {point.t for point in plain}


def test_random_ends_are_codes_of_different_drawn_molecules(space):
    drawn = list(dict.fromkeys(text for text in space.sample(12, seed=1) if text))
    found = random_ends(space, 3, seed=1)
    assert len(found) == min(3, len(drawn) // 2) > 0
    wanted = space.pinned(drawn[: 2 * len(found)]).codes
    torch.testing.assert_close(torch.stack([code for pair in found for code in pair]), wanted)
    assert random_ends(space, 0) == []
