"""Questions that take several seeds: train settings with seeds, compare them, say what is significant."""

import stages  # noqa: F401  (sets the variables that decide bits, before NumPy is imported)
