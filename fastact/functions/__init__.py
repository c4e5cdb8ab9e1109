"""The public functions: one module for each family, and the catalogue of all."""
