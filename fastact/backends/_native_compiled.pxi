# Kernels that another compiler made, called by their address. Included by _native.pyx.

# What numba_launch.enter is compiled to. The first two are where Numba leaves a result and an error;
# there is neither.
ctypedef int (*compiled_entry)(void **result, void **error, Py_ssize_t address, const void **inputs,
                               void **outputs, const double *params, Py_ssize_t size) nogil


@cython.final
cdef class Compiled(Runnable):
    """A kernel with machine code for calls below a size; `general` takes every call.

    Parameters
    ----------
    general : callable
        Called with what this is called with.
    defaults : tuple of float
        The parameters that code of its own is for; empty if there is none.
    """

    cdef object general
    cdef compiled_entry entry
    cdef Py_ssize_t address, plain_address, below
    cdef double defaults[4]
    cdef int n_defaults

    def __init__(self, general, tuple defaults):
        self.vectorcall = call_compiled
        self.general = general
        self.n_defaults = len(defaults)
        for k, value in enumerate(defaults):
            self.defaults[k] = value

    def ready(self, Py_ssize_t entry, Py_ssize_t address, Py_ssize_t below, bint plain):
        """Take the addresses of the entry and of code for any parameters, or for the defaults."""
        self.entry = <compiled_entry>entry
        self.below = below
        if plain:
            self.plain_address = address
        else:
            self.address = address

    def __repr__(self):
        return f"<compiled kernel {self.general!r}>"


cdef Py_ssize_t choose(Compiled self, const double *params, Py_ssize_t size):
    """Return the address of the code for such a call, or 0 if Python has to make it."""
    cdef int k
    if size >= self.below:
        return 0
    if self.n_defaults == 0:
        return self.address
    for k in range(self.n_defaults):
        if params[k] != self.defaults[k]:
            return self.address
    return self.plain_address


cdef int run_compiled(Compiled self, fastact_call *call, Py_ssize_t size) except -1:
    cdef void *result = NULL
    cdef void *error = NULL
    self.entry(&result, &error, choose(self, call.param, size), call.inputs, call.out, call.param,
               size)
    return 0


cdef object call_compiled(object callable, arguments args, size_t nargsf, PyObject *names):
    cdef Py_ssize_t k
    return (<Compiled>callable).general(
        *[<object>args[k] for k in range(PyVectorcall_NARGS(nargsf))])


cdef Compiled _a_compiled = Compiled.__new__(Compiled)
fastact_use_vectorcall(<PyTypeObject *>Compiled,
                       <char *>&_a_compiled.vectorcall - <char *><PyObject *>_a_compiled)
