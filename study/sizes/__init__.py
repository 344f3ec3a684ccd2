import stages  # noqa: F401  (what it does comes first here too)
