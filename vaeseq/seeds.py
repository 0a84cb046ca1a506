"""Seeds made of seeds, so that nothing random is drawn twice from one stream."""

import numpy as np


def mixed_seed(*parts: int) -> int:
    """Another seed for each of these numbers, whole and 0 or more."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0] >> 1)
