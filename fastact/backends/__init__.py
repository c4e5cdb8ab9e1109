"""The interchangeable engines behind the public functions, and the registry that picks one."""
