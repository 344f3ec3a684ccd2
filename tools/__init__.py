"""Commands to run by hand: python -m tools.predict, export, verify, summary, start."""

import stages  # noqa: F401  (sets the variables that decide bits, before NumPy is imported)
