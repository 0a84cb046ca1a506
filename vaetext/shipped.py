"""The model of sentences that comes with the package."""

from pathlib import Path

from vaeseq.shipped import Shipped

MODEL = Shipped(folder=Path(__file__).with_name("weights"), trained=Path("models/sentences"))
