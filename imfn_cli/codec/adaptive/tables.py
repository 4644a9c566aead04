"""What the coder knows before it begins, fitted to training clips; part of the format's draft.

contexts.npz: near (192, 6) and both (192, 4) int16, the channels that tell most of each; p, n, w: the state
of the adaptive contexts and mixing weights that every GOP begins with; loop: weights of the loop filter.
"""

from pathlib import Path

import numpy as np

_TABLES = np.load(Path(__file__).parent / "contexts.npz", allow_pickle=False)
NEAR, BOTH = _TABLES["near"], _TABLES["both"]
#: Probabilities, counts and mixing weights; see `bitstream.adaptive.binary_coder.Coder`.
INITIAL_STATE = _TABLES["p"], _TABLES["n"], _TABLES["w"]
#: Weights of the loop filter, (classes, taps) int32.
LOOP_WEIGHTS = _TABLES["loop"]
