"""Train settings with several seeds, compare them, and report which differences are significant."""

import stages  # noqa: F401  (sets the variables that decide bits, before NumPy is imported)
