"""The tests, as a package: others bring a `tests` of theirs into an environment, and this one has to be found first."""
