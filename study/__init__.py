import stages  # noqa: F401  (sets the variables that decide bits, before NumPy is imported)
