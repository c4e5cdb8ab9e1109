"""Every function, declared in the kernel dialect: source that the compiler traces and nothing executes."""
