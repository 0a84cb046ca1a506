import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaeseq import quantised
from vaeseq.diagnostics import active_units, mutual_information
from vaeseq.posteriors import divergence, drawn
from vaeseq.quantised import Codebooks, CodesHead, CodesPrior

SLOTS, SIZE, LATENT, WIDTH, ROWS = 4, 3, 8, 5, 6
NO = torch.zeros(())


@pytest.fixture(params=[1, 2, 4], ids=lambda levels: f"{levels} levels")
def head(request: pytest.FixtureRequest) -> CodesHead:
    """In evaluation mode, with vectors as far apart as its entries."""
    torch.manual_seed(1)
    module = CodesHead(WIDTH, LATENT, SLOTS, SIZE, request.param).eval()
    module.codebooks.quantiser.codebook.normal_()
    return module


@pytest.fixture
def prior(head: CodesHead) -> CodesPrior:
    """Sharp enough for some codes to be far likelier than others."""
    torch.manual_seed(2)
    module = CodesPrior(head.codebooks, 6)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.7 * torch.randn_like(parameter))
    return module


def _summary(rows: int = ROWS) -> Tensor:
    return 2 * torch.randn(rows, WIDTH, generator=torch.Generator().manual_seed(0))


def _every(slots: int = SLOTS) -> Tensor:
    """The entries of all codes, ``(codes, slots)``."""
    return torch.cartesian_prod(*[torch.arange(SIZE)] * slots)


def test_a_code_is_its_own_nearest(head: CodesHead) -> None:
    codes = head.codebooks.codes(_every())
    assert codes.shape == (SIZE**SLOTS, LATENT)
    assert head.codebooks.nearest(codes).equal(_every())
    assert head.codebooks.rounded(codes).equal(codes)
    assert head.codebooks.nearest(codes.view(3, -1, LATENT)).equal(_every().view(3, -1, SLOTS))
    assert head.codebooks.nearest(codes[5]).equal(_every()[5])
    assert head.codebooks.nearest(codes[:, :4]).equal(_every()[:, :2]), "of the first slots alone"
    assert head.codebooks.capacity == pytest.approx(math.log(SIZE**SLOTS))


def test_entries_that_lie_together_are_told_apart_far_from_the_origin() -> None:
    codebooks = Codebooks(2, 1, 3)
    codebooks.quantiser.codebook.copy_(torch.tensor([[[999.0, 1.0], [999.0, 1.001], [999.0, 1.002]]]))
    assert codebooks.nearest(codebooks.codes(torch.arange(3).unsqueeze(1))).flatten().tolist() == [0, 1, 2]


def test_vectors_are_rounded_slot_by_slot_to_what_is_nearest(head: CodesHead) -> None:
    vectors, codebook = torch.randn(50, LATENT), head.codebooks.quantiser.codebook
    parts = []
    for slot, part in enumerate(vectors.split(LATENT // SLOTS, dim=1)):
        parts.append(codebook[slot][(part.unsqueeze(1) - codebook[slot]).square().sum(dim=2).argmin(dim=1)])
    assert head.codebooks.rounded(vectors).equal(torch.cat(parts, dim=1))


def test_the_gradient_goes_straight_through(head: CodesHead) -> None:
    vectors, slope = torch.randn(ROWS, LATENT, requires_grad=True), torch.randn(ROWS, LATENT)
    (head.codebooks.rounded(vectors) * slope).sum().backward()
    assert vectors.grad.equal(slope)


def test_a_posterior_is_one_code_without_noise(head: CodesHead) -> None:
    posterior = head(_summary())
    assert (posterior.batch_shape, posterior.event_shape) == ((ROWS,), (LATENT,))
    z, log_q = drawn(posterior, torch.randn(ROWS, LATENT))
    assert z.equal(posterior.mean)
    assert z.equal(head.codebooks.codes(head.codebooks.nearest(z)))
    assert log_q.equal(torch.zeros(ROWS))
    assert posterior.log_prob(z).equal(log_q)
    assert len(z.unique(dim=0)) > 2
    every = posterior.log_prob(head.codebooks.codes(_every()).unsqueeze(1))
    assert every.exp().sum(dim=0).equal(torch.ones(ROWS))
    assert set(every.flatten().tolist()) == {0.0, -math.inf}


def test_every_weight_learns_from_the_code_and_from_the_commitment(head: CodesHead) -> None:
    for of in (lambda p: p.mean, lambda p: p.commitment):
        head.zero_grad()
        of(head(_summary())).sum().backward()
        assert [name for name, p in head.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_the_commitment_is_the_squared_distance_and_moves_the_encoder_alone() -> None:
    head = CodesHead(2, 2, 2, 2, 1)
    head.codebooks.quantiser.codebook.copy_(torch.tensor([[[0.0], [10.0]], [[0.0], [1.0]]]))
    with torch.no_grad():
        head.layers[0].weight.copy_(torch.eye(2))
        head.layers[0].bias.zero_()
    summary = torch.tensor([[9.0, 0.25], [-3.0, 2.0]], requires_grad=True)
    posterior = head(summary)
    assert posterior.mean.tolist() == [[10.0, 0.0], [0.0, 1.0]]
    assert_close(posterior.commitment, torch.tensor([1 + 0.0625, 9 + 1.0]))
    posterior.commitment.sum().backward()
    assert_close(summary.grad, torch.tensor([[-2.0, 0.5], [-6.0, 2.0]]))


def test_a_level_reads_the_rounded_levels_above_it_and_none_below() -> None:
    torch.manual_seed(0)
    head, summary = CodesHead(WIDTH, LATENT, SLOTS, SIZE, 2), _summary()
    head.codebooks.quantiser.codebook.normal_()
    head.train()
    top = head(summary).mean[:, : LATENT // 2]
    below = torch.nn.functional.linear(torch.cat([summary, top], dim=1), head.layers[1].weight, head.layers[1].bias)
    assert_close(head.seen[:, LATENT // 2 :], below.detach())
    head.codebooks.quantiser.codebook[2:].normal_()
    assert head(summary).mean[:, : LATENT // 2].equal(top)


@torch.no_grad()
def test_the_prior_sums_to_one_and_draws_follow_it(prior: CodesPrior) -> None:
    log_p = prior().log_prob(prior.codes(_every()))
    assert log_p.exp().sum() == pytest.approx(1.0, abs=1e-5)
    assert log_p.max() - log_p.min() > 3
    torch.manual_seed(0)
    z = prior().sample((100, 200))
    assert z.shape == (100, 200, LATENT)
    place = (prior.nearest(z).flatten(0, 1) * SIZE ** torch.arange(SLOTS - 1, -1, -1)).sum(dim=1)
    share = place.bincount(minlength=SIZE**SLOTS) / 20_000
    assert ((share - log_p.exp()).abs() < 5 * (log_p.exp() / 20_000).sqrt() + 2e-4).all()
    assert_close(prior().log_prob(z).mean(), (log_p.exp() * log_p).sum(), rtol=0, atol=0.05)


def test_a_factor_sees_only_the_slots_before_it(prior: CodesPrior) -> None:
    indices = torch.zeros(1, SLOTS, dtype=torch.long)
    for slot in range(SLOTS):
        other = indices.clone()
        other[0, slot] = 1
        changed = (prior.factors(other) != prior.factors(indices)).any(dim=2).squeeze(0)
        assert changed.tolist() == [j > slot for j in range(SLOTS)]


def test_every_weight_of_the_prior_learns_and_no_code_does(prior: CodesPrior) -> None:
    z = prior.codes(_every()[::5]).requires_grad_()
    prior().log_prob(z).sum().backward()
    assert z.grad is None
    assert [name for name, p in prior.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []
    assert not any("quantiser" in name for name in prior.state_dict()), "codebooks are the encoder's"


def test_the_divergence_is_what_the_prior_needs_to_send_the_code(head: CodesHead, prior: CodesPrior) -> None:
    posterior = head(_summary())
    kl, parts = divergence(posterior, prior(), *drawn(posterior, torch.randn(ROWS, LATENT)))
    assert parts is None
    chosen = prior.factors(prior.nearest(posterior.mean)).softmax(dim=2)
    chosen = chosen.gather(2, prior.nearest(posterior.mean).unsqueeze(2)).squeeze(2)
    assert_close(kl, -chosen.log().sum(dim=1))


def test_entries_are_moving_averages_of_what_was_rounded_to_them() -> None:
    """van den Oord et al. (2017), equations 6 to 8, in words."""
    torch.manual_seed(0)
    codebooks, width = Codebooks(LATENT, SLOTS, SIZE), LATENT // SLOTS
    codebook = codebooks.quantiser.codebook
    count, total = torch.full((SLOTS, SIZE), quantised.IDLE), quantised.IDLE * codebook
    for seed in range(4):
        vectors = torch.randn(30, LATENT, generator=torch.Generator().manual_seed(seed))
        nearest = codebooks.nearest(vectors)
        codebooks.learn(vectors, revive=False, unless=NO)
        for slot in range(SLOTS):
            for entry in range(SIZE):
                own = vectors[nearest[:, slot] == entry, slot * width : (slot + 1) * width]
                count[slot, entry] = quantised.DECAY * count[slot, entry] + (1 - quantised.DECAY) * len(own)
                total[slot, entry] = quantised.DECAY * total[slot, entry] + (1 - quantised.DECAY) * own.sum(dim=0)
    # The library smooths the counts by 1e-5 rows, so that none is divided by zero.
    assert_close(codebook, total / count.unsqueeze(2), rtol=1e-3, atol=1e-3)


def test_an_idle_entry_goes_where_vectors_are() -> None:
    def taught(seed: int, *, revive: bool = True) -> Tensor:
        """Entries near two corners of the unit square, where vectors are, and one far away."""
        codebooks = Codebooks(4, 2, 3)
        entries = torch.tensor([[0.0, 0.0], [1.0, 1.0], [99.0, 99.0]]).expand(2, 3, 2)
        codebooks.quantiser.codebook.copy_(entries)
        codebooks.quantiser.get_buffer("_codebook.embed_avg").copy_(quantised.IDLE * entries)
        torch.manual_seed(seed)
        codebooks.train().learn(vectors, revive=revive, unless=NO)
        return codebooks.quantiser.codebook

    vectors = torch.rand(40, 4, generator=torch.Generator().manual_seed(0))
    for slot, part in enumerate(vectors.split(2, dim=1)):
        found = [(part == entry).all(dim=1).any() for entry in taught(1)[slot]]
        assert found == [False, False, True], "entries in use stay"
    assert taught(1).equal(taught(1))
    assert not taught(1).equal(taught(2))
    assert taught(1)[:, :2].equal(taught(1, revive=False)[:, :2])
    assert (taught(1, revive=False)[:, 2] > 90).all()


def test_nothing_is_learnt_where_it_shall_not_be(head: CodesHead) -> None:
    before = {name: value.clone() for name, value in head.named_buffers()}
    head.codebooks.learn(torch.full((5, LATENT), math.nan), revive=True, unless=torch.ones(()))
    assert all(value.equal(before[name]) for name, value in head.named_buffers())
    head.codebooks.learn(torch.randn(5, LATENT), revive=False, unless=NO)
    assert not all(value.equal(before[name]) for name, value in head.named_buffers())


def test_codes_that_rows_share_are_all_that_the_mutual_information_misses(head: CodesHead) -> None:
    _, code = head(_summary(40)).mean.unique(dim=0, return_inverse=True)
    rows = torch.stack([(code == i).nonzero()[0, 0] for i in range(3)])
    summary = _summary(40)[rows[[0, 0, 0, 1, 2, 2]]]
    posterior = head(summary)
    expected = math.log(6) - (3 * math.log(3) + 2 * math.log(2)) / 6
    assert mutual_information(posterior, posterior.mean) == pytest.approx(expected, abs=1e-5)
    assert active_units(posterior.mean) > 0
    alike = head(summary[:1].expand(6, -1))
    assert mutual_information(alike, alike.mean) == pytest.approx(0.0, abs=1e-5)
    assert active_units(alike.mean) == 0.0
