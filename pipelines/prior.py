"""Stage: fit a prior to the codes of the trained model of one domain, and write the model as it is used."""

from pipelines.stage import run

import json
from dataclasses import fields, replace
from pathlib import Path

from pipelines.params import PriorParams, domain_params
from pipelines.progress import progress
from vaeseq import checkpoint
from vaeseq.checkpoint import Checkpoint
from vaeseq.config import PriorConfig
from vaeseq.corpus import Corpus
from vaeseq.device import device_of
from vaeseq.files import write_whole
from vaeseq.fitting import FitConfig, cross_entropy, fit_prior, prior_and_codes


def main(domain: str) -> None:
    """Write ``models/<domain>/`` and ``reports/<domain>/prior.json``: what a code costs, ``-E log p(z)``, nats."""
    params: PriorParams = domain_params(domain).prior
    trained = Path("checkpoints", domain)
    stored, card = checkpoint.load(trained), (trained / "README.md").read_text(encoding="utf-8")
    figures: dict[str, float] = {}
    if params.kind:
        stored, figures = _fitted(stored, Corpus.load(Path("data/prepared", domain)), params)
        card = card.replace("## Figures", _told(params, figures) + "\n## Figures", 1)
    checkpoint.save(Path("models", domain), stored, card=card)
    write_whole(Path("reports", domain, "prior.json"), json.dumps(figures, indent=2) + "\n")


def _fitted(stored: Checkpoint, corpus: Corpus, params: PriorParams) -> tuple[Checkpoint, dict[str, float]]:
    vae = stored.vae.to(device_of())
    kind = PriorConfig(params.kind, params.components, transforms=params.transforms, hidden=params.hidden)
    prior, learnt, held_out = prior_and_codes(
        vae,
        stored.config,
        kind,
        corpus,
        rows=params.rows,
        draws=params.draws,
        seed=params.seed,
        signal=params.signal,
    )
    pace = FitConfig(**{field.name: getattr(params, field.name) for field in fields(FitConfig)})
    # The prior of training knows codes of full signal alone.
    figures = {"prior_of_training": cross_entropy(vae.prior, held_out)} if params.signal == 1 else {}
    done = 0
    with progress("fitting the prior", pace.steps) as advance:
        for step, *_ in fit_prior(prior, learnt, held_out, pace, seed=params.seed):
            advance(step - done)
            done = step
    figures |= {"fitted": cross_entropy(prior, held_out), "fitted_on_training_rows": cross_entropy(prior, learnt)}
    vae.trained_prior, vae.prior, vae.signal = vae.prior, prior, params.signal
    config = replace(stored.config, prior=kind, trained_prior=stored.config.prior, signal=params.signal)
    return replace(stored, vae=vae.cpu(), config=config), figures


def _told(params: PriorParams, figures: dict[str, float]) -> str:
    said = f"Afterwards a prior ({params.kind}) was fitted to the codes: `{params.model_dump_json()}`. "
    if params.signal < 1:
        return f"{said}Its draws are codes of a signal of {params.signal:g}; texts are encoded at full signal.\n"
    lower = figures["prior_of_training"] - figures["fitted"]
    return f"{said}Held-out codes cost {lower:.2f} nats less under it than under the prior of training.\n"


if __name__ == "__main__":
    run(main)
