"""The sequence VAE that every peer writes: plain ``torch.nn`` layers in single precision, and a plain loop.

After Sentence-VAE and its many descendants: shuffled rows padded to the longest of their batch, a bidirectional LSTM, z
beside every input of an LSTM, Adam. Many pack their rows, which leaves out the padding, but on a CPU leaves oneDNN too
and takes three times as long; this loop does not.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader

from vaeseq.tokenizer import PAD


class EagerVAE(nn.Module):
    """Sizes as in ``VAEConfig``."""

    def __init__(self, vocabulary: int, embedding: int, encoder: int, decoder: int, latent: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding, padding_idx=PAD)
        self.encoder = nn.LSTM(embedding, encoder, batch_first=True, bidirectional=True)
        self.posterior = nn.Linear(2 * encoder, 2 * latent)
        self.start = nn.Linear(latent, decoder)
        self.decoder = nn.LSTM(embedding + latent, decoder, batch_first=True)
        self.head = nn.Linear(decoder, vocabulary)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Reconstruction and KL, nats, both ``(batch,)``."""
        read = self.embedding(tokens)
        _, (last, _) = self.encoder(read)
        mean, log_variance = self.posterior(torch.cat([last[0], last[1]], dim=1)).chunk(2, dim=1)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        kl = 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum(dim=1)
        first = torch.tanh(self.start(z)).unsqueeze(0)
        given = torch.cat([read[:, :-1], z.unsqueeze(1).expand(-1, read.shape[1] - 1, -1)], dim=2)
        states, _ = self.decoder(given, (first, torch.zeros_like(first)))
        logits = self.head(states)
        losses = functional.cross_entropy(
            logits.flatten(0, 1), tokens[:, 1:].flatten(), ignore_index=PAD, reduction="none"
        )
        return losses.view(len(tokens), -1).sum(dim=1), kl


def train(vae: EagerVAE, rows: list[Tensor], batch_size: int, learning_rate: float) -> Iterator[int]:
    """Steps without end, each giving the number of rows it took."""
    device = next(vae.parameters()).device
    optimizer = torch.optim.Adam(vae.parameters(), lr=learning_rate)
    loader = DataLoader(
        rows, batch_size, shuffle=True, drop_last=True,
        collate_fn=lambda batch: pad_sequence(batch, batch_first=True, padding_value=PAD),
    )  # fmt: skip
    while True:
        for tokens in loader:
            reconstruction, kl = vae(tokens.to(device))
            loss = (reconstruction + kl).mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(vae.parameters(), 5.0)
            optimizer.step()
            loss.item()
            yield len(tokens)
