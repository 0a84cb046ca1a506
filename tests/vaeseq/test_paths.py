import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from vaeseq.paths import lerp, path, slerp

KINDS = pytest.mark.parametrize("kind", ["slerp", "lerp"])


@st.composite
def codes(draw: st.DrawFn, count: int = 2) -> list[Tensor]:
    """Codes as a model has them: normal, in few or many dimensions, large or small."""
    latent, seed = draw(st.integers(2, 64)), draw(st.integers(0, 2**31))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e3]))
    generator = torch.Generator().manual_seed(seed)
    return [scale * torch.randn(latent, generator=generator) for _ in range(count)]


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.cosine_similarity(a, b, dim=-1)


@KINDS
@given(ends=codes(), steps=st.integers(2, 12))
def test_a_path_starts_and_ends_at_its_ends(kind: str, ends: list[Tensor], steps: int) -> None:
    start, end = ends
    way = path(start, end, steps, kind)
    assert way.shape == (steps, len(start))
    assert way.dtype == start.dtype
    assert_close(way[0], start, rtol=1e-6, atol=0)
    assert_close(way[-1], end, rtol=1e-6, atol=0)


@KINDS
@given(ends=codes())
def test_the_ends_are_the_very_codes_asked_for(kind: str, ends: list[Tensor]) -> None:
    way = path(*ends, 5, kind)
    assert way[0].equal(ends[0])
    assert way[-1].equal(ends[1])


@KINDS
@given(ends=codes(), steps=st.integers(2, 12))
def test_the_way_back_is_the_same_way(kind: str, ends: list[Tensor], steps: int) -> None:
    start, end = ends
    scale = float(start.norm() + end.norm())
    assert_close(path(start, end, steps, kind), path(end, start, steps, kind).flip(0), rtol=1e-4, atol=1e-4 * scale)


@given(ends=codes(), radius=st.floats(0.1, 50))
def test_slerp_stays_on_the_sphere(ends: list[Tensor], radius: float) -> None:
    start, end = (radius * code / code.norm() for code in ends)
    norms = path(start, end, 9).norm(dim=1)
    assert_close(norms, torch.full_like(norms, radius), rtol=1e-4, atol=0)


@given(ends=codes())
def test_slerp_turns_evenly_and_its_norm_goes_straight(ends: list[Tensor]) -> None:
    start, end = ends
    t = torch.tensor([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
    way = slerp(start, end, t)
    angle = torch.arccos(_cosine(start, end))
    assert_close(_cosine(way, start), torch.cos(t * angle), rtol=0, atol=1e-4)
    assert_close(_cosine(way, end), torch.cos((1 - t) * angle), rtol=0, atol=1e-4)
    assert_close(way.norm(dim=1), (1 - t) * start.norm() + t * end.norm(), rtol=1e-4, atol=0)


def test_slerp_of_a_quarter_turn_by_hand() -> None:
    way = slerp(torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0]), torch.tensor([1 / 3]))
    assert_close(way, torch.tensor([[2 * math.cos(math.pi / 6), 2 * math.sin(math.pi / 6)]]))


@given(ends=codes())
def test_lerp_is_the_straight_line(ends: list[Tensor]) -> None:
    start, end = ends
    t = torch.tensor([0.0, 0.2, 0.5, 1.0])
    expected = torch.stack([(1 - s) * start + s * end for s in t])
    assert_close(lerp(start, end, t), expected, rtol=1e-4, atol=1e-5 * float(start.norm()))


@KINDS
@given(ends=codes(count=1))
def test_a_path_from_a_code_to_itself_stays(kind: str, ends: list[Tensor]) -> None:
    assert path(ends[0], ends[0], 7, kind).equal(ends[0].expand(7, -1))


@given(ends=codes(count=1), factor=st.floats(0.1, 10))
def test_slerp_along_one_direction_is_a_straight_line(ends: list[Tensor], factor: float) -> None:
    start = ends[0]
    assert_close(path(start, factor * start, 5, "slerp"), path(start, factor * start, 5, "lerp"), rtol=1e-4, atol=1e-6)


@given(ends=codes(), angle=st.sampled_from([1e-7, 1e-6, 1e-5, 1e-3, 0.1, 3.0, 3.14]))
def test_slerp_is_smooth_at_every_angle(ends: list[Tensor], angle: float) -> None:
    a = ends[0] / ends[0].norm()
    b = ends[1] - (ends[1] @ a) * a
    end = math.cos(angle) * a + math.sin(angle) * b / b.norm()
    way = path(a, end, 11)
    assert_close(way.norm(dim=1), torch.ones(11), rtol=0, atol=1e-3)
    steps = way.diff(dim=0).norm(dim=1)
    assert_close(steps, torch.full((10,), 2 * math.sin(angle / 20)), rtol=0.01, atol=3e-7)


@pytest.mark.parametrize("factor", [-1.0, -3.5])
@given(ends=codes(count=1))
def test_antipodes_raise(factor: float, ends: list[Tensor]) -> None:
    with pytest.raises(ValueError, match=r"antipodes.*use lerp"):
        path(ends[0], factor * ends[0], 5)
    assert path(ends[0], factor * ends[0], 5, "lerp").isfinite().all()


@pytest.mark.parametrize("swap", [False, True])
def test_the_origin_has_no_direction(swap: bool) -> None:
    start, end = torch.zeros(3), torch.ones(3)
    with pytest.raises(ValueError, match=r"origin.*use lerp"):
        path(*((end, start) if swap else (start, end)), 5)


@pytest.mark.parametrize("steps", [-1, 0, 1])
@KINDS
def test_a_path_has_both_ends(kind: str, steps: int) -> None:
    with pytest.raises(ValueError, match="steps must be at least 2"):
        path(torch.ones(2), torch.tensor([1.0, 2.0]), steps, kind)


def test_slerp_is_the_default() -> None:
    start, end = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    assert path(start, end, 3).equal(path(start, end, 3, "slerp"))
    assert not path(start, end, 3).equal(path(start, end, 3, "lerp"))


@KINDS
def test_double_precision_is_kept(kind: str) -> None:
    start, end = torch.tensor([1.0, 0.5], dtype=torch.float64), torch.tensor([-0.3, 1.0], dtype=torch.float64)
    assert path(start, end, 3, kind).dtype == torch.float64
