"""Polynomials and tables of the mathematical functions beside this folder, as ``python tools/fit.py`` prints them."""
