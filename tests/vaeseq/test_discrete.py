"""Whole models whose codes are discrete: their bounds, their training, their checkpoints."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from vaeseq import checkpoint
from vaeseq.bounds import elbo, iwae
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import DecoderConfig, EncoderConfig, PriorConfig, VAEConfig
from vaeseq.corpus import Corpus, batch_of, pad
from vaeseq.errors import InputError
from vaeseq.model import SequenceVAE
from vaeseq.objectives import ObjectiveConfig, objective
from vaeseq.space import LatentSpace
from vaeseq.state import TrainConfig, TrainState
from vaeseq.team import Noise
from vaeseq.tokenizer import BOS, EOS, Tokenizer
from vaeseq.training import fit

ROWS = [[BOS, 5, 6, 7, EOS], [BOS, EOS], [BOS, 7, 7, 6, 7, 5, EOS], [BOS, 6, EOS]]
LEVELS = pytest.mark.parametrize("levels", [1, 2])
SHORT = TrainConfig(
    steps=12, batch_size=4, learning_rate=5e-3, precision="float32", evaluate_every=5, evaluate_rows=8
)  # fmt: skip


def _config(vocabulary: int = 12, latent: int = 8, hidden: int = 10, codebook: int = 8, levels: int = 2) -> VAEConfig:
    encoder = EncoderConfig(hidden=hidden, posterior="codes", slots=4, codebook=codebook, levels=levels)
    return VAEConfig(vocabulary, latent, 6, encoder, DecoderConfig(hidden=hidden), PriorConfig("codes", hidden=8))


def _state(aim: ObjectiveConfig, train: TrainConfig = SHORT, **sizes: int) -> TrainState:
    torch.manual_seed(0)
    return TrainState(SequenceVAE.build(_config(**sizes)), train, aim, seed=0)


def _entries(vae: SequenceVAE) -> Tensor:
    return vae.encoder.head.codebooks.quantiser.codebook.clone()


@LEVELS
@torch.no_grad()
def test_bounds_stay_below_log_p_which_is_a_sum_over_codes(
    levels: int, build_vae: Callable[..., SequenceVAE], all_sequences: Callable[..., list[list[int]]]
) -> None:
    vae, every = build_vae(posterior="codes", prior="codes", levels=levels), all_sequences(8, 2)
    batch = batch_of(every)
    vae.train().encoder(batch.tokens)
    vae.encoder.head.codebooks.learn(vae.encoder.head.seen, revive=True, unless=torch.zeros(()))
    codes = vae.eval().encoder.head.codebooks.codes(torch.cartesian_prod(torch.arange(3), torch.arange(3)))
    log_prior = vae.prior().log_prob(codes)
    log_joint = torch.stack([vae.decoder(codes).log_prob(pad([ids] * 9)) + log_prior for ids in every])
    log_p = log_joint.logsumexp(dim=1)
    assert 0.1 < log_p.exp().sum() < 1
    bound = elbo(vae, batch).elbo
    assert (bound < log_p).all()
    # It is the term of the row's own code in that sum, and there is nothing else to draw.
    own = (codes == vae.encoder(batch.tokens).mean.unsqueeze(1)).all(dim=2)
    assert own.sum(dim=1).tolist() == [1] * len(every)
    assert own.any(dim=0).sum() > 1
    assert_close(bound, log_joint[own], rtol=1e-4, atol=1e-4)
    for samples in (1, 7):
        assert_close(iwae(vae, batch, samples=samples), bound, rtol=1e-4, atol=1e-4)


@LEVELS
def test_the_kl_teaches_the_prior_and_nobody_else(levels: int, build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(posterior="codes", prior="codes", levels=levels)
    bound = elbo(vae, batch_of(ROWS))
    bound.kl.sum().backward(retain_graph=True)
    taught = {name for name, p in vae.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught == {name for name, _ in vae.named_parameters() if name.startswith("prior.")}
    vae.zero_grad()
    bound.reconstruction.sum().backward()
    taught = {name for name, p in vae.named_parameters() if p.grad is not None and p.grad.any()}
    assert taught == {name for name, _ in vae.named_parameters() if not name.startswith("prior.")}


def test_the_commitment_is_in_the_loss_and_not_in_the_bound(build_vae: Callable[..., SequenceVAE]) -> None:
    vae, batch = build_vae(posterior="codes", prior="codes"), batch_of(ROWS)
    posterior = vae.encoder(batch.tokens)
    for weight, beta in ((0.0, 1.0), (0.25, 1.0), (2.0, 0.5)):
        aim = ObjectiveConfig(commitment=weight)
        loss, bound = objective(vae, batch, aim, beta=beta, noise=Noise(None, len(ROWS)))
        assert_close(bound.aux["commitment"], posterior.commitment)
        assert bound.aux["commitment"].min() > 0
        assert_close(bound.elbo, -bound.reconstruction - bound.kl)
        assert_close(loss, (bound.reconstruction + beta * bound.kl + weight * posterior.commitment).mean())


@pytest.mark.parametrize("training", [True, False])
def test_reading_and_bounding_move_no_entry(training: bool, build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(posterior="codes", prior="codes", levels=2).train(training)
    before = {name: value.clone() for name, value in vae.named_buffers()}
    elbo(vae, batch_of(ROWS))
    assert all(value.equal(before[name]) for name, value in vae.named_buffers())
    assert (vae.encoder.head.seen is not None) == training


def test_a_step_moves_entries_and_a_look_does_not(build_corpus: Callable[..., Corpus]) -> None:
    corpus, still = build_corpus(train=12, valid=8), replace(SHORT, learning_rate=0.0)
    states = [_state(ObjectiveConfig(), replace(still, evaluate_every=every)) for every in (1, 12)]
    began = _entries(states[0].vae)
    for state in states:
        assert len(list(fit(state, corpus, record_every=3))) > 0
    assert _entries(states[0].vae).equal(_entries(states[1].vae))
    moved = (_entries(states[0].vae) != began).any(dim=2)
    assert moved.any(dim=1).all()


def test_a_loss_that_is_not_finite_moves_no_entry(build_corpus: Callable[..., Corpus]) -> None:
    state, corpus = _state(ObjectiveConfig()), build_corpus(train=12, valid=8)
    run = fit(state, corpus, record_every=2)
    next(run)
    with torch.no_grad():
        state.vae.encoder.head.layers[0].bias[0] = math.nan
    before = _entries(state.vae)
    with pytest.raises(FloatingPointError, match=r"finite.*step 2"):
        next(run)
    assert _entries(state.vae).equal(before)


@pytest.mark.parametrize("levels", [1, 2])
def test_eight_sequences_are_learnt_by_heart(levels: int, build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=8, valid=8, twins=True)
    train = replace(SHORT, steps=600, batch_size=8, learning_rate=1e-2, evaluate_every=600)
    state = _state(ObjectiveConfig(), train, hidden=32, levels=levels)
    *_, (_, last) = fit(state, corpus)
    batch, vae = corpus.batch(corpus.rows("train")), state.vae.eval()
    with torch.no_grad():
        z = vae.encoder(batch.tokens).mean
        assert vae.decoder(z).draw(12, temperature=0.0).equal(batch.tokens)
        # The prior knows that there are eight codes, and draws them.
        assert (vae.prior().sample((50,)).unsqueeze(1) == z).all(dim=2).any(dim=1).float().mean() > 0.3
    assert last.mutual_information == pytest.approx(math.log(8), abs=1e-4)
    assert math.log(8) < last.kl < math.log(8) + 1.2


@torch.no_grad()
def test_a_checkpoint_keeps_the_codebooks(tmp_path: Path) -> None:
    torch.manual_seed(0)
    tokenizer = Tokenizer.of_symbols("CNO", ".")
    config = _config(tokenizer.size)
    vae = SequenceVAE.build(config).train()
    texts = ["CNO", "", "OOOO", "C"]
    for _ in range(20):
        elbo(vae, batch_of(tokenizer.encode_batch(texts)))
        vae.encoder.head.codebooks.learn(vae.encoder.head.seen, revive=True, unless=torch.zeros(()))
    checkpoint.save(tmp_path, Checkpoint(vae, config, tokenizer, {"max_length": 9}), card="")
    loaded = checkpoint.load(tmp_path)
    assert loaded.config == config
    assert loaded.vae.state_dict().keys() == vae.state_dict().keys()
    assert all(value.equal(vae.state_dict()[name]) for name, value in loaded.vae.state_dict().items())
    space = LatentSpace.load(tmp_path)
    z = space.encode(texts).mean
    assert z.equal(vae.eval().encoder(batch_of(tokenizer.encode_batch(texts)).tokens).mean)
    assert len(z.unique(dim=0)) > 1
    assert space.reconstruct(texts) == space.decode(z)
    assert space.encode([]).mean.shape == (0, 8)
    drawn = space.prior_sample(5, seed=1)
    assert drawn.equal(space.prior_sample(5, seed=1))
    assert drawn.equal(vae.encoder.head.codebooks.rounded(drawn))
    assert loaded.vae.prior().log_prob(drawn).equal(vae.prior().log_prob(drawn))


@pytest.mark.parametrize("aim", [{"rate": 5.0}, {"free_bits": 0.1}, {"code_noise": 0.2}], ids=str)
def test_a_rate_cannot_be_asked_for(aim: dict[str, float], build_corpus: Callable[..., Corpus]) -> None:
    corpus = build_corpus(train=12, valid=8)
    with pytest.raises(InputError, match=r"must not be set for discrete codes.* bound the rate, here by 8\.3 nats"):
        next(fit(_state(ObjectiveConfig(**aim)), corpus))


@pytest.mark.parametrize(
    ("encoder", "prior", "said"),
    [
        ({"posterior": "codes"}, "standard_normal", "must both be 'codes' or neither"),
        ({"posterior": "codes"}, "flow", "must both be 'codes' or neither"),
        ({"posterior": "gaussian"}, "codes", "must both be 'codes' or neither"),
        ({"posterior": "flow"}, "codes", "must both be 'codes' or neither"),
        ({"posterior": "codes", "slots": 3}, "codes", "latent must be a multiple of slots, got 8 and 3"),
        ({"posterior": "codes", "slots": 4, "levels": 3}, "codes", "slots must be a multiple of levels, got 4 and 3"),
        ({"slots": 0}, "standard_normal", "slots"),
        ({"codebook": -1}, "standard_normal", "codebook"),
        ({"levels": 1.5}, "standard_normal", "levels"),
    ],
)
def test_what_does_not_go_together_is_refused(encoder: dict[str, object], prior: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        SequenceVAE.build(VAEConfig(9, 8, 4, EncoderConfig(hidden=5, **encoder), prior=PriorConfig(prior)))


def test_the_bound_of_many_samples_is_refused(build_vae: Callable[..., SequenceVAE]) -> None:
    vae = build_vae(posterior="codes", prior="codes")
    with pytest.raises(InputError, match="must have a Gaussian posterior"):
        objective(vae, batch_of(ROWS), ObjectiveConfig(samples=2), beta=1.0, noise=Noise(None, len(ROWS)))


@pytest.mark.parametrize("weight", [-0.1, math.nan, math.inf])
def test_a_commitment_out_of_range_is_refused(weight: float) -> None:
    with pytest.raises(InputError, match="commitment must be 0 or more"):
        ObjectiveConfig(commitment=weight)
