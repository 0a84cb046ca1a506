"""Floating-point operations of the layers, counted from their shapes, and how many the machine could do.

Only matrix products count, two operations a multiplication; what is made once for a text or a vocabulary is counted
once. Training takes three times the forward pass: itself, the gradient by the inputs and that by the weights.
"""

import time
from collections.abc import Iterator

import torch

from vaeseq.config import VAEConfig

TRAINING = 3
SIDE = 4_096  # of the square matrices of the limit


def encoding(config: VAEConfig, symbols: float) -> float:
    """Of the encoder for one text of so many symbols, ``<bos>`` and ``<eos>`` included."""
    hidden = config.encoder.hidden
    return 2 * (2 * symbols * 4 * hidden * (config.embedding + hidden) + 4 * hidden * 2 * config.latent)


def teacher_forcing(config: VAEConfig, symbols: float) -> float:
    """Of the decoder for one text, its inputs multiplied at every step."""
    hidden, read = config.decoder.hidden, config.embedding + config.latent
    step = 4 * hidden * (read + hidden) + (hidden + config.latent) * config.embedding
    return 2 * ((symbols - 1) * (step + config.embedding * config.vocabulary) + config.latent * 2 * hidden)


def training(config: VAEConfig, symbols: float) -> float:
    """Of one text in a step of training."""
    return TRAINING * (encoding(config, symbols) + teacher_forcing(config, symbols))


def decoding(config: VAEConfig, symbols: float) -> float:
    """Of one text decoded step by step: its code is multiplied once, its symbols are rows of a table."""
    hidden = config.decoder.hidden
    once = config.latent * (2 * hidden + 4 * hidden + config.embedding)
    return 2 * (once + symbols * (4 * hidden * hidden + (hidden + config.vocabulary) * config.embedding))


def moses_training(vocabulary: int, symbols: float) -> float:
    """Of one text in a step of MOSES' VAE as it comes: one-hot input, GRU 256, three GRUs 512, z 128."""
    encoder = symbols * 3 * 256 * (vocabulary + 256) + 256 * 2 * 128
    decoder = symbols * (3 * 512 * (vocabulary + 128 + 512) + 2 * 3 * 512 * (512 + 512) + 512 * vocabulary) + 128 * 512
    return TRAINING * 2 * (encoder + decoder)


def limit(dtype: torch.dtype, device: torch.device) -> Iterator[float]:
    """Rounds of large matrix products, each with the operations it took."""
    a, b = (torch.randn(SIDE, SIDE, device=device).to(dtype) for _ in range(2))
    while True:
        done, started = 0, time.perf_counter()
        while time.perf_counter() - started < 1:
            a @ b
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            done += 1
        yield done * 2.0 * SIDE**3
