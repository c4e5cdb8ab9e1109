"""Argument handling shared by all functions: from arrays of any kind to calls of a kernel."""
