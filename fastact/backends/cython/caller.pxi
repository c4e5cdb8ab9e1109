# The public passes, without a line of Python for plain arrays and numbers. Included by _native.pyx.


cdef class Binding:
    """Parameters that are all numbers, and the pass to call with them, which a parameter may select."""

    cdef Caller target
    cdef double params[4]


cdef Binding new_binding(Caller target, params):
    cdef Binding binding = Binding.__new__(Binding)
    cdef int k
    if len(params) > FASTACT_MAX_PARAMS:
        raise ValueError(f"{len(params)} parameters: choose at most {FASTACT_MAX_PARAMS}")
    binding.target = target
    for k in range(len(params)):
        binding.params[k] = params[k]
    return binding


cdef class BackendKernels:
    """The kernels of one pass in one backend, by element type; None if they are Python functions, or not asked for yet.

    Kernels and backend always belong together. It keeps the backend alive, so that no other object can have the
    same identity.
    """

    cdef object backend
    cdef object bound  # dtype -> kernel
    cdef PyObject *kernels[4]  # borrowed from `bound`
    cdef bint known[4]


cdef class Caller:
    """Base of the public passes: takes plain arrays to a native kernel without a line of Python.

    All other calls go to the method `call` of the derived class. Its method `bound` turns
    parameters, by position and by name, into a pass and numbers, or returns None.
    """

    cdef vectorcallfunc vectorcall
    cdef object table         # backend -> dtype -> kernel
    cdef object chosen        # of the registry: the context variable of a thread or task, the state of the process
    cdef object state
    cdef BackendKernels last  # those of the last call, or None
    cdef Binding defaults     # None if a parameter is required
    cdef dict bindings        # parameters as given -> Binding
    cdef int n_in
    cdef int n_out

    def prepare(self, table, chosen, state, int n_in, int n_out, defaults):
        if not 0 < n_in <= FASTACT_MAX_INPUTS or not 0 < n_out <= FASTACT_MAX_OUTPUTS:
            raise ValueError(f"{n_in} inputs and {n_out} outputs: choose at most {FASTACT_MAX_INPUTS} "
                             f"and {FASTACT_MAX_OUTPUTS}")
        self.vectorcall = call_pass
        self.table, self.chosen, self.state = table, chosen, state
        self.n_in, self.n_out = n_in, n_out
        self.defaults = None if defaults is None else new_binding(self, defaults)
        self.bindings = {}

    def __call__(self, *args, **options):
        return self.call(*args, **options)


def fast_call(cls):
    """Decorate a class derived from Caller: a Python class does not inherit the vectorcall protocol."""
    cdef Caller one = Caller.__new__(Caller)
    fastact_use_vectorcall(<PyTypeObject *>cls, <char *>&one.vectorcall - <char *><PyObject *>one)
    return cls


cdef object call_pass(object callable, arguments args, size_t nargsf, PyObject *names):
    cdef Caller self = <Caller>callable
    cdef Py_ssize_t k, count = PyVectorcall_NARGS(nargsf)
    cdef Py_ssize_t named = 0 if names == NULL else len(<tuple>names)
    cdef Py_ssize_t place = -1  # of `out` among the names
    cdef object result
    cdef Binding binding
    if count >= self.n_in:
        for k in range(named):
            if (<tuple>names)[k] == "out":
                place = k
        if count == self.n_in and named == (place >= 0):
            binding = self.defaults
        else:
            binding = find_binding(self, args, count, names, named, place)
        if binding is not None:
            out = <object>args[count + place] if place >= 0 else None
            result = call_arrays(binding, args, out)
            if result is None and out is None and self.n_in == 1:
                result = call_scalar(binding, <object>args[0])
            if result is not None:
                return result
    positional = tuple([<object>args[k] for k in range(count)])
    options = {(<tuple>names)[k]: <object>args[count + k] for k in range(named)}
    return self.call(*positional, **options)


cdef Binding find_binding(Caller self, arguments args, Py_ssize_t count, PyObject *names,
                          Py_ssize_t named, Py_ssize_t place):
    """Return the binding of the given parameters, or None if some are not plain numbers or strings."""
    cdef Py_ssize_t k
    cdef list key = []
    for k in range(self.n_in, count + named):
        if k - count == place and place >= 0:
            continue
        value = <object>args[k]
        if not (type(value) is float or type(value) is str or type(value) is int
                or type(value) is bool):
            return None
        if k >= count:
            key.append((<tuple>names)[k - count])
        # -0.0 equals 0.0 as a key but is another parameter: it becomes None, which is never a key.
        key.append(None if type(value) is float and value == 0.0 and signbit(value) else value)
    given = tuple(key)
    found = self.bindings.get(given)
    if found is None:
        positional = [<object>args[k] for k in range(self.n_in, count)]
        options = {(<tuple>names)[k]: <object>args[count + k] for k in range(named) if k != place}
        bound = self.bound(positional, options)
        if bound is None:
            return None
        if len(self.bindings) > 100:  # a parameter that changes from call to call
            self.bindings.clear()
        found = self.bindings[given] = new_binding(bound[0], bound[1])
    return <Binding>found


cdef object call_arrays(Binding binding, arguments args, object out):
    """Compute, or return None without having written anything."""
    cdef Caller self = binding.target
    cdef fastact_call call
    cdef cnp.ndarray like, array, first = None
    cdef Kernel kernel
    cdef int k, j, element
    cdef Py_ssize_t size
    if self.n_out > 2 or type(<object>args[self.n_in - 1]) is not cnp.ndarray:
        return None
    like = <cnp.ndarray>args[self.n_in - 1]
    element = element_of(like)
    if cnp.PyArray_NDIM(like) == 0 or element < 0:
        return None
    kernel = native_kernel(self, element, like)
    if kernel is None:
        return None
    for k in range(self.n_in):
        if not is_like(<object>args[k], like, cnp.NPY_ARRAY_CARRAY_RO):
            return None
        call.inputs[k] = cnp.PyArray_DATA(<cnp.ndarray>args[k])
    size = cnp.PyArray_SIZE(like)
    for k in range(self.n_out):
        if out is None:
            array = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(like), cnp.PyArray_DIMS(like), cnp.PyArray_TYPE(like), 0)
        else:
            given = out if self.n_out == 1 else out[k] if is_pair(out) else None
            if not is_like(given, like, cnp.NPY_ARRAY_CARRAY):
                return None
            array = <cnp.ndarray>given
            for j in range(self.n_in):
                if overlap(call.inputs[j], cnp.PyArray_DATA(array), cnp.PyArray_NBYTES(like), True):
                    return None
            if k and overlap(call.out[0], cnp.PyArray_DATA(array), cnp.PyArray_NBYTES(like), False):
                return None
        if k == 0:
            first = array
        call.out[k] = cnp.PyArray_DATA(array)
    for k in range(FASTACT_MAX_PARAMS):
        call.param_array[k] = NULL
        call.param[k] = binding.params[k]
    call.line = 0
    run(kernel, &call, size)
    if out is not None:
        return out
    return first if self.n_out == 1 else (first, array)


cdef object call_scalar(Binding binding, object x):
    """The same for a Python float or a NumPy scalar: 0.3 us instead of 10."""
    cdef Caller self = binding.target
    cdef fastact_call call
    cdef Kernel kernel
    cdef int k, element
    cdef cnp.dtype dtype
    cdef double number  # here and below: one element of any type
    cdef double results[2]
    if type(x) is float or type(x) is float64:
        element = F64
    elif type(x) is float32 or type(x) is float16:
        element = F32 if type(x) is float32 else F16
    else:
        return None
    dtype = SCALAR_DTYPES[element]
    kernel = native_kernel(self, element, None)
    if kernel is None:
        return None
    # The bits are copied: a conversion would flush subnormals where the caller does.
    if element == F64:
        number = x
    else:
        cnp.PyArray_ScalarAsCtype(x, &number)
    call.inputs[0] = &number
    for k in range(2):
        call.out[k] = &results[k]
    for k in range(FASTACT_MAX_PARAMS):
        call.param_array[k] = NULL
        call.param[k] = binding.params[k]
    call.line = 0
    run(kernel, &call, 1)
    first = PyArray_Scalar(&results[0], dtype, None)
    return first if self.n_out == 1 else (first, PyArray_Scalar(&results[1], dtype, None))


cdef bint is_pair(object out):
    return type(out) is tuple and len(<tuple>out) == 2


cdef bint is_like(object value, cnp.ndarray like, int flags):
    """Tell whether `value` is a plain array of the same type and shape, with these flags."""
    cdef cnp.ndarray array
    if type(value) is not cnp.ndarray:
        return False
    array = <cnp.ndarray>value
    return (cnp.PyArray_TYPE(array) == cnp.PyArray_TYPE(like) and cnp.PyArray_ISNOTSWAPPED(array)
            and cnp.PyArray_CHKFLAGS(array, flags)
            and (array is like or cnp.PyArray_SAMESHAPE(array, like)))


cdef bint overlap(const void *a, const void *b, Py_ssize_t length, bint same_is_fine):
    """Tell whether two blocks of memory overlap; `same_is_fine`: unless they are the same."""
    if a == b:
        return not same_is_fine and length > 0
    return <const char *>a < <const char *>b + length and <const char *>b < <const char *>a + length


cdef Kernel native_kernel(Caller self, int element, cnp.ndarray like):
    """Return the kernel of the active backend, or None if it has to be called from Python."""
    cdef PyObject *found = NULL
    cdef BackendKernels last = self.last
    PyContextVar_Get(self.chosen, NULL, &found)
    backend = <object>found if found != NULL else None
    if found != NULL:
        Py_DECREF(backend)
    if backend is None:
        backend = self.state.chosen
    if backend is None:
        return None
    if last is None or backend is not last.backend:
        last = BackendKernels.__new__(BackendKernels)
        last.backend, last.bound = backend, self.table[backend]
        self.last = last
    if not last.known[element]:
        kernel = last.bound[SCALAR_DTYPES[element] if like is None else like.dtype]
        last.kernels[element] = <PyObject *>kernel if isinstance(kernel, Kernel) else NULL
        last.known[element] = True
    return None if last.kernels[element] == NULL else <Kernel>last.kernels[element]
