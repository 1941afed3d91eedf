"""The constants of the heads, which the page shares."""

from __future__ import annotations

from classify_anything.constants import CONSTANTS

_HEAD = CONSTANTS["head"]

MAX_DIRECTIONS = int(_HEAD["max_directions"])
"""Beyond this many directions accuracy does not change (benchmarks/README.md), only the cost."""
SHRINKAGE = float(_HEAD["shrinkage"])
"""Added to the covariance, as a share of its mean eigenvalue."""
VIEW_WEIGHT = float(_HEAD["view_weight"])
FEW_RECORDINGS = int(_HEAD["few_recordings"])
"""From this many recordings a class on, the weight of views falls with the square."""
SMALLEST_LENGTH = float(_HEAD["smallest_length"])
"""Vectors shorter than this have no direction: they shrink to 0 instead of amplifying noise."""
SMALLEST_SCATTER = float(_HEAD["smallest_scatter"])
SMALLEST_EIGENVALUE = float(_HEAD["smallest_eigenvalue"])
"""As a share of the shrinkage: whitening changes directions with less by under 0.1 %."""

REFIT_ALWAYS = int(_HEAD["refit_always"])
"""Up to this many examples a refit is quicker than a frame."""
REFIT_GROWTH = float(_HEAD["refit_growth"])
"""With more, the head refits once this share of the examples has changed."""

TIE = float(_HEAD["tie"])
"""Similarities that differ by less are the same number: a float32 product of 1280 terms is not
exact to more, and which of two equal rows comes out higher depends on where they lie in memory."""
SMALLEST_DISTANCE = float(_HEAD["smallest_distance"])
"""Nearer than this is the same: float32 products are not exact to much less, and a weight must not
depend on their last digit."""
TYPICAL_NEIGHBORS = int(_HEAD["typical_neighbors"])
"""With ``metric="cosine"``, typicality is the similarity to this many examples of the class."""
