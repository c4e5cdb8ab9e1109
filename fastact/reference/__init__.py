"""Every function from its mathematics, independently of `definitions`: what the kernels are checked against."""
