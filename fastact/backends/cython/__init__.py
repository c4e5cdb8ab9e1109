"""The compiled backend: the loops of csrc/ behind an extension module."""
