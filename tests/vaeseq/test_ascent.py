"""Climbing a predicted property."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from vaeseq.ascent import STEPS, Ascent, climbed
from vaeseq.regression import PropertyHead
from vaeseq.rounds import Call

LATENT = 3


class Space:
    """A space whose texts are codes rounded to tenths."""

    latent = LATENT

    def encode(self, texts):
        mean = torch.tensor([[float(cell) for cell in text.split()] for text in texts]).reshape(-1, LATENT)
        return Independent(Normal(mean, torch.full_like(mean, 0.1)), 1)

    def reads(self, text):
        return text.count(" ") == LATENT - 1

    def decode(self, z, **_):
        return [" ".join(f"{x:.1f}" for x in (code + 0.0).tolist()) for code in z]


class Source:
    """Texts that are far from anything that climbs."""

    def __call__(self, calls, count):
        return self.new(count, {call.text for call in calls})

    def new(self, count, known):
        return [text for text in (f"{-9.0 - i} 0.0 0.0" for i in range(99)) if text not in known][: max(0, count)]


@pytest.fixture
def head():
    torch.manual_seed(1)
    head = PropertyHead(("other", "height"), LATENT)
    with torch.no_grad():
        for weight in head.parameters():
            weight.mul_(2)
    head.middle.copy_(torch.tensor([0.5, 0.0, 0.0]))
    head.whitening.copy_(torch.diag(torch.tensor([1.0, 2.0, 0.5])))
    head.edge.fill_(2.0)
    return head


def test_the_prediction_rises_and_codes_stay_where_the_head_knows_something(head):
    starts = torch.randn(40, LATENT, generator=torch.Generator().manual_seed(0)) * 3
    ways = climbed(head, 1, starts)
    assert ways.shape == (STEPS, 40, LATENT)
    assert head.distance(ways.flatten(0, 1)).max() <= 2.0 + 1e-4
    with torch.no_grad():
        first, last = (head(z).mean[:, 1] for z in (ways[0], ways[-1]))
        best = head(head.middle + 2 * torch.randn(10_000, LATENT) @ torch.linalg.inv(head.whitening) / 4).mean[:, 1]
    assert (last >= first - 1e-3).float().mean() > 0.9
    assert last.max() > best.quantile(0.95)
    assert last.tolist() == sorted(last.tolist(), reverse=True)
    assert not ways.requires_grad
    torch.testing.assert_close(climbed(head, 1, starts), ways)
    low = head(climbed(head, 1, starts, down=True)[-1]).mean[:, 1].detach()
    assert low.tolist() == sorted(low.tolist())
    assert low.max() < last.min()


def test_a_round_proposes_new_texts_of_high_prediction(head):
    space = Space()
    start = ["0.1 0.2 0.3", "0.5 -0.2 0.0", "1.0 0.1 -0.4"]
    calls = [Call(text, value, 0.0) for text, value in zip(start, (0.1, 0.3, math.nan), strict=True)]
    propose = Ascent(space, head, "height", Source(), seed=0)
    texts = propose(calls, 10)
    assert len(set(texts)) == len(texts) == 10
    assert not set(texts) & set(start)
    with torch.no_grad():
        rise = head(space.encode(texts).mean).mean[:, 1].min() - head(space.encode(start[:2]).mean).mean[:, 1].max()
    assert rise > 0
    assert propose(calls, 10) == texts
    assert Ascent(space, head, "height", Source(), seed=1)(calls, 10) != texts
    low = Ascent(space, head, "height", Source(), seed=0, down=True)(
        [call._replace(value=-call.value) for call in calls], 10
    )
    with torch.no_grad():
        assert head(space.encode(low).mean).mean[:, 1].max() < head(space.encode(start[:2]).mean).mean[:, 1].min()


def test_the_source_is_asked_first_and_where_nothing_new_comes(head):
    propose = Ascent(Space(), head, "height", Source(), seed=0)
    assert propose([], 3) == Source().new(3, set())
    without = [Call("0.0 0.0 0.0", math.nan, 0.0), Call("unreadable", 5.0, 0.0)]
    assert propose(without, 3) == Source().new(3, set())

    class Poor(Space):
        def decode(self, z, **_):
            return ["" for _ in z]

    assert Ascent(Poor(), head, "height", Source(), seed=0)([Call("0.0 0.0 0.0", 1.0, 0.0)], 2) == Source().new(
        2, set()
    )
