# Elementwise kernels. Included by _native.pyx.

# Elements between checks for Ctrl-C: some 5 to 100 ms of work on two AVX2 cores.
cdef Py_ssize_t SLICE = 1 << 24


# How the elements of the arrays of a call lie.
cdef enum Layout:
    CONTIGUOUS
    LINES
    STRIDED


cdef class Kernel:
    """One pass of one function for one dtype: takes the inputs, the outputs and the parameters."""

    cdef vectorcallfunc vectorcall
    cdef const fastact_kernel *entry
    cdef int element
    cdef Py_ssize_t keep_gil_below

    def summed(self, *arguments):
        """Do the same without an array for the first output, of which the sum is returned."""
        cdef fastact_call call
        cdef Py_ssize_t begin, end
        cdef Py_ssize_t shape[2]
        cdef int done
        cdef double total = 0
        check_bound(self.entry)
        call.out[0] = NULL
        take_operands(self, PySequence_Fast_ITEMS(arguments), len(arguments), 1, CONTIGUOUS, shape, &call)
        find_code(self, &call, 0, True)  # whatever the size, the first output stays in the cache
        for begin in range(0, shape[0], SLICE):
            end = min(begin + SLICE, shape[0])
            with nogil:
                done = fastact_run_sum(self.entry, &call, begin, end, &total)
            if done == FASTACT_NO_MEMORY:
                raise MemoryError(f"{self._name()}: no memory for a block of losses")
            PyErr_CheckSignals()
        return total

    def rows(self, *arguments):
        """Do the same with two-dimensional arrays of one shape, whose rows are contiguous."""
        cdef fastact_call call
        cdef Py_ssize_t shape[2]
        check_bound(self.entry)
        take_operands(self, PySequence_Fast_ITEMS(arguments), len(arguments), 0, LINES, shape, &call)
        call.line = shape[1]
        run(self, &call, shape[0] * shape[1])

    def strided(self, *arguments):
        """Do the same with one-dimensional arrays of one size, whose elements lie at any distance from each other."""
        cdef fastact_call call
        cdef Py_ssize_t shape[2]
        check_bound(self.entry)
        take_operands(self, PySequence_Fast_ITEMS(arguments), len(arguments), 0, STRIDED, shape, &call)
        call.line = FASTACT_STRIDED
        run(self, &call, shape[0])

    def __repr__(self):
        return f"<native kernel {self._name()}>"

    def _name(self):
        if self.entry == NULL:
            return "of no function"
        return f"{self.entry.name.decode()} {self.entry.pass_.decode()} {self.entry.dtype.decode()}"


cdef int bind(Kernel self, const fastact_kernel *entry) except -1:
    self.vectorcall = call_kernel
    self.entry = entry
    self.element = element_named(entry.dtype)
    self.keep_gil_below = fastact_parallel_from(entry)
    return 0


cdef object call_kernel(object callable, arguments args, size_t nargsf, PyObject *names):
    cdef Kernel self = <Kernel>callable
    cdef fastact_call call
    cdef Py_ssize_t shape[2]
    take_operands(self, args, PyVectorcall_NARGS(nargsf) if names == NULL else -1, 0, CONTIGUOUS, shape, &call)
    run(self, &call, shape[0])
    return None


cdef int run(Kernel self, fastact_call *call, Py_ssize_t size) except -1:
    """Compute all elements; a large call releases the GIL and can be interrupted by Ctrl-C."""
    cdef Py_ssize_t begin, end
    find_code(self, call, size, False)
    if size < self.keep_gil_below:
        fastact_run(self.entry, call, 0, size)
        return 0
    for begin in range(0, size, SLICE):
        end = min(begin + SLICE, size)
        with nogil:
            fastact_run(self.entry, call, begin, end)
        PyErr_CheckSignals()
    return 0


cdef int take_operands(Kernel self, arguments args, Py_ssize_t count, int first_out, Layout layout,
                       Py_ssize_t *shape, fastact_call *call) except -1:
    """Check inputs, outputs (without those before `first_out`) and parameters; put them into the call.

    Sets `shape` to the size of the arrays, or if they consist of LINES to their two dimensions.
    """
    cdef const fastact_kernel *entry = self.entry
    cdef int k, n_arrays = entry.n_in + entry.n_out - first_out
    cdef object argument
    if count != n_arrays + entry.n_params:
        raise TypeError(f"{self._name()} takes {n_arrays} arrays and {entry.n_params} parameters, by position")
    shape[0] = -1
    call.line = 0
    for k in range(entry.n_in):
        call.inputs[k] = memory(self, <object>args[k], False, layout, shape, &call.in_stride[k])
    for k in range(first_out, entry.n_out):
        call.out[k] = memory(self, <object>args[entry.n_in + k - first_out], True, layout, shape,
                             &call.out_stride[k])
    for k in range(entry.n_params):
        argument = <object>args[n_arrays + k]
        call.param_array[k] = NULL
        if type(argument) is not float and cnp.PyArray_Check(argument):
            call.param_array[k] = memory(self, argument, False, layout, shape, &call.param_stride[k])
        else:
            call.param[k] = PyFloat_AsDouble(argument)
    return 0


cdef void *memory(Kernel self, object argument, bint written, Layout layout, Py_ssize_t *shape,
                  Py_ssize_t *stride) except? NULL:
    """Return the array's memory, its shape checked against that of the arrays before it."""
    cdef cnp.ndarray array = checked(self, argument, self.element)
    if layout == STRIDED:
        if (cnp.PyArray_NDIM(array) != 1 or not cnp.PyArray_ISALIGNED(array)
                or written and not cnp.PyArray_ISWRITEABLE(array)):
            raise ValueError(f"{self._name()}: the array is not of one dimension, aligned"
                             f"{' and writeable' if written else ''}")
        stride[0] = cnp.PyArray_STRIDE(array, 0)
    elif layout == LINES:
        if (cnp.PyArray_NDIM(array) != 2 or not cnp.PyArray_ISALIGNED(array)
                or cnp.PyArray_STRIDE(array, 1) != cnp.PyArray_ITEMSIZE(array)
                or written and not cnp.PyArray_ISWRITEABLE(array)):
            raise ValueError(f"{self._name()}: the array is not of two dimensions, with contiguous rows, "
                             f"aligned{' and writeable' if written else ''}")
        if shape[0] < 0:
            shape[0], shape[1] = cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1)
        elif shape[0] != cnp.PyArray_DIM(array, 0) or shape[1] != cnp.PyArray_DIM(array, 1):
            raise ValueError(f"{self._name()}: the shapes differ")
        stride[0] = cnp.PyArray_STRIDE(array, 0)
        return cnp.PyArray_DATA(array)
    else:
        check_contiguous(self, array, written)
    if shape[0] < 0:
        shape[0] = cnp.PyArray_SIZE(array)
    elif shape[0] != cnp.PyArray_SIZE(array):
        raise ValueError(f"{self._name()}: sizes {shape[0]} and {cnp.PyArray_SIZE(array)} differ")
    return cnp.PyArray_DATA(array)


cdef Kernel _a_kernel = Kernel.__new__(Kernel)
fastact_use_vectorcall(<PyTypeObject *>Kernel,
                       <char *>&_a_kernel.vectorcall - <char *><PyObject *>_a_kernel)
