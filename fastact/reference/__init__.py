"""Every function, defined from its mathematics, apart from `definitions`: what the kernels are checked against."""
