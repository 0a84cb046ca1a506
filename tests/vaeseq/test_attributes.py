import math
from types import SimpleNamespace

import pytest
import torch

from vaeseq.attributes import Neighbour, Neighbours, analogy, changed, direction, shifted, trait
from vaeseq.errors import InputError


def _codes(texts):
    return torch.tensor([[float(cell) for cell in text.split()] for text in texts])


SPACE = SimpleNamespace(  # its texts are its codes
    encode=lambda texts: SimpleNamespace(mean=_codes(texts)),
    pinned=lambda texts: SimpleNamespace(codes=_codes(texts)),
    decode=lambda z, beams: [" ".join(f"{x:.2f}" for x in code) for code in z.tolist()],
)


def test_a_direction_goes_from_one_mean_to_the_other():
    along = direction(SPACE, ["0 0", "2 0"], ["1 3", "3 3", "5 3"])
    assert along.tolist() == [2, 3]


@pytest.mark.parametrize(("lacking", "having"), [([], ["1 1"]), (["1 1"], []), (["1 1"], ["0 1", "2 1"])])
def test_two_kinds_that_do_not_differ_give_no_direction(lacking, having):
    with pytest.raises(InputError, match="a direction needs"):
        direction(SPACE, lacking, having)


def test_a_shift_turns_a_code_and_keeps_its_length():
    along = torch.tensor([0.0, 3.0])
    assert shifted(SPACE, ["3 0", "0 3"], along) == [["2.12 2.12", "0.00 3.00"]]
    assert shifted(SPACE, ["3 0"], along, strengths=(-1.0, 0.0)) == [["2.12 -2.12"], ["3.00 0.00"]]
    assert shifted(SPACE, [], along, strengths=(1.0, 2.0)) == [[], []]


def test_an_analogy_is_the_shift_by_the_difference_of_two():
    (longer,) = shifted(SPACE, ["3 0"], torch.tensor([0.0, 6.0]))
    assert analogy(SPACE, "1 1", "1 4", "3 0", strengths=(0.0, 2.0)) == ["3.00 0.00", *longer]


def test_the_nearest_point_where_a_code_points_and_are_other_texts():
    among = ["1 0", "5 0.1", "0 1", "5 0.1", "-1 0"]
    (found,) = Neighbours(SPACE, among).nearest(["1 0"], 2)
    assert [its.text for its in found] == ["5 0.1", "0 1"]
    assert found[0] == Neighbour("5 0.1", pytest.approx(0.9998, abs=1e-4))
    assert found[1].similarity == pytest.approx(0, abs=1e-6)
    assert len(Neighbours(SPACE, among).nearest(["1 0", "0 1"], 10)[1]) == 3
    assert Neighbours(SPACE, ["1 0", "1 0"]).nearest(["1 0"], 3) == [[]]


def test_two_kinds_are_parted_by_what_varies_little_within_them():
    lacking, having = ["0 -3", "0 3", "0.2 0"], ["1 -1", "1 5", "1.2 2"]
    found = trait(SPACE, lacking, having)
    assert found.along.tolist() == pytest.approx([1, 2])
    assert (found.score(_codes(lacking)) < 0).all()
    assert (found.score(_codes(having)) > 0).all(), "the difference of the means alone does not part them"
    assert (_codes(lacking) @ found.along).max() > (_codes(having) @ found.along).min()


def test_a_change_is_the_nearest_text_on_the_other_side_of_those_on_the_way():
    beams = []

    def likely(z, width):
        beams.append(width)
        return [["", *(f"{x + i:.2f} {y:.2f}" for i in (0, 0.5))] for x, y in z.tolist()]

    space = SimpleNamespace(encode=SPACE.encode, pinned=SPACE.pinned, likely=likely)
    parted = trait(SPACE, ["0 3"], ["4 3"])
    assert parted.score(_codes(["2 0"])).tolist() == pytest.approx([0])
    how = {"distance": lambda a, b: float((_codes([a]) - _codes([b])).abs().sum()), "beams": 4}
    # Of a code of length 3 turned by up to 2 (4, 0), first coordinates 0, .95, 1.66, 2.4, 2.68, 2.81 and .5 more.
    assert changed(space, ["0 3"], parted, **how) == ["2.16 2.50"]
    assert set(beams) == {4}
    assert changed(space, ["0 3"], parted._replace(along=-parted.along), **how) == [""], "the way leads elsewhere"
    assert changed(space, ["0 3"], parted, lambda a, b: 1.0 if b.startswith("3") else math.inf) == ["3.31 1.05"]
    assert changed(space, [], parted, **how) == []
