"""Settings of the whole suite: one thread, so that tests neither fight for cores nor differ in the last bit."""

import torch
from hypothesis import settings

torch.set_num_threads(1)

# The same examples in every run: a red test must be the change's fault. `--hypothesis-profile=search` looks for more.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=40, database=None)
settings.register_profile("search", deadline=None, max_examples=1_000)
settings.load_profile("suite")
