"""What a call may be given, and the way from arrays of any kind to a kernel: the same for every function."""
