import pytest
import torch

from vaeseq.errors import InputError
from vaeseq.paths import KNOTS, path
from vaetext.space import SentenceSpace


def test_spaces_do_not_change_a_sentence(space):
    posterior = space.encode(["Take  off the black\ttie. ", "Take off the black tie."])
    assert posterior.event_shape == (space.latent,)
    torch.testing.assert_close(posterior.mean[0], posterior.mean[1], rtol=0, atol=1e-6)


def test_reconstruction_is_the_decoded_mean(space):
    sentences = ["Take off the black tie.", "Ünknown wörds, 数 and 🙂 are spelt in bytes."]
    assert space.reconstruct(sentences) == space.decode(space.encode(sentences).mean)


def test_a_seed_decides_what_is_sampled(space):
    assert space.sample(20, seed=1) == space.sample(20, seed=1)
    assert space.sample(20, seed=1) != space.sample(20, seed=2)
    assert len(set(space.sample(20, seed=1))) > 1


@pytest.mark.parametrize(
    ("sentence", "reason"), [("", "empty"), (" \t", "empty"), ("a\0b", "control"), ("x " * 50_000, "too_long")]
)
def test_what_cannot_be_read_is_named(space, sentence, reason):
    with pytest.raises(InputError, match=reason) as caught:
        space.encode(["Take off the black tie.", sentence])
    assert len(str(caught.value)) < 300


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        SentenceSpace.load(tmp_path / "nowhere")


def test_a_denser_way_keeps_its_ends_and_is_likelier_where_it_was_unlikely(shipped):
    ends = shipped.encode(["The cat sleeps on the sofa.", "My parents will not buy a new car."]).mean
    way = path(*ends, KNOTS, "slerp")
    found = shipped.denser(way)
    assert found[[0, -1]].equal(way[[0, -1]])
    vae = shipped.space.vae
    with torch.no_grad():
        before, after = (vae.prior().log_prob(vae.signal**2 * codes).min() for codes in (way[1:-1], found[1:-1]))
    assert after > before
