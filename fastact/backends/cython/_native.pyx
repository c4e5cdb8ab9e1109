# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The kernels of csrc/ as callables."""

from numpy import float32, float64

cimport cython
cimport numpy as cnp
from libc.math cimport signbit
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AsDouble
from cpython.contextvars cimport PyContextVar_Get
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_DECREF

cnp.import_array()


cdef extern from "fastact.h":
    enum:
        FASTACT_MAX_TABLES
        FASTACT_MAX_INPUTS
        FASTACT_MAX_OUTPUTS
        FASTACT_MAX_PARAMS
        FASTACT_STOPPED
        FASTACT_NO_MEMORY
    ctypedef struct fastact_call:
        const void *inputs "in"[3]
        void *out[2]
        const void *param_array[4]
        double param[4]
        int stream
        Py_ssize_t row
        Py_ssize_t in_step[3]
        Py_ssize_t out_step[2]
        Py_ssize_t param_step[4]
        double *sums
        const fastact_code *code
    ctypedef void (*fastact_loop)(const fastact_call *call, Py_ssize_t begin, Py_ssize_t end) noexcept
    ctypedef double (*fastact_sum)(const void *elements, Py_ssize_t count) noexcept
    ctypedef int (*fastact_entry)(void **result, void **error, Py_ssize_t address,
                                  const void *const *inputs, void *const *out, const double *param,
                                  const void *const *param_array, Py_ssize_t count)
    ctypedef struct fastact_code:
        fastact_entry entry
        Py_ssize_t storing
        Py_ssize_t streaming
        Py_ssize_t item
        int n_in
        int n_out
        int n_params
    enum fastact_cost:
        fastact_move
        fastact_cheap
        fastact_exp
        fastact_heavy
    ctypedef struct fastact_kernel:
        const char *name
        const char *pass_ "pass"
        const char *dtype
        int n_in
        int n_out
        int n_params
        fastact_cost cost
        fastact_loop loop
        fastact_sum sum
    ctypedef struct fastact_row_kernel:
        const char *name
        const char *pass_ "pass"
        const char *dtype
        int n_in
        int n_row_in
        int n_out
        int n_row_out
        int n_params
    ctypedef struct fastact_table:
        const char *isa
        const char *lanes
        const fastact_kernel *kernels
        int count
        const fastact_row_kernel *row_kernels
        int row_count
    int fastact_tables(const fastact_table **tables)
    void fastact_set_threads(int threads)
    int fastact_streams(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t size)
    Py_ssize_t fastact_parallel_from(const fastact_kernel *kernel)
    int fastact_run_sum(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t begin,
                        Py_ssize_t end, double *total) nogil
    void fastact_run_code(const fastact_call *call, Py_ssize_t begin, Py_ssize_t end) noexcept
    void fastact_run(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t begin,
                     Py_ssize_t end) nogil


cdef extern from "environment.h":
    ctypedef struct fastact_environment:  # of a size that only C knows
        pass
    fastact_environment fastact_enter()
    void fastact_leave(fastact_environment given)


cdef extern from *:
    """
    /* In place of __call__, which Cython hands a tuple: 80 ns a call instead of 130. */
    static void fastact_use_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    {
        type->tp_vectorcall_offset = offset;
        type->tp_call = PyVectorcall_Call;
        type->tp_flags |= Py_TPFLAGS_HAVE_VECTORCALL;
        PyType_Modified(type);
    }
    """
    ctypedef PyObject *const *arguments "PyObject *const *"
    ctypedef object (*vectorcallfunc)(object, arguments, size_t, PyObject *)
    void fastact_use_vectorcall(PyTypeObject *type, Py_ssize_t offset)
    object PyArray_Scalar(void *data, cnp.dtype dtype, object base)
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)


# Between slices Ctrl-C is looked for: some 5 to 100 ms of work on two AVX2 cores.
cdef Py_ssize_t SLICE = 1 << 24


cdef class Kernel:
    """One pass of one function for one dtype: takes the inputs, the outputs and the parameters."""

    cdef vectorcallfunc vectorcall
    cdef const fastact_kernel *row
    cdef int typenum
    cdef Py_ssize_t keep_gil_below

    def summed(self, *arguments):
        """Do the same without an array for the first output, of which the sum is returned."""
        cdef const fastact_kernel *row = self.row
        cdef fastact_call call
        cdef Py_ssize_t begin, end, size = -1
        cdef int k, done, n_arrays
        cdef double total = 0
        check_made(row)
        n_arrays = row.n_in + row.n_out - 1
        if len(arguments) != n_arrays + row.n_params:
            raise TypeError(f"{self._name()} takes {n_arrays} arrays and {row.n_params} parameters")
        for k in range(row.n_in):
            call.inputs[k] = memory(self, arguments[k], False, &size)
        call.out[0] = NULL
        for k in range(1, row.n_out):
            call.out[k] = memory(self, arguments[row.n_in + k - 1], True, &size)
        for k in range(row.n_params):
            argument = arguments[n_arrays + k]
            call.param_array[k] = NULL
            if cnp.PyArray_Check(argument):
                call.param_array[k] = memory(self, argument, False, &size)
            else:
                call.param[k] = PyFloat_AsDouble(argument)
        call.row = 0
        call.sums = NULL
        find_code(self, &call, 0)  # however large, a sum does not go round the cache
        for begin in range(0, size, SLICE):
            end = min(begin + SLICE, size)
            with nogil:
                done = fastact_run_sum(self.row, &call, begin, end, &total)
            if done == FASTACT_NO_MEMORY:
                raise MemoryError(f"{self._name()}: no memory for a block of losses")
            PyErr_CheckSignals()
        return total

    def rows(self, *arguments):
        """Do the same with two-dimensional arrays of one shape, whose rows are contiguous."""
        cdef const fastact_kernel *row = self.row
        cdef fastact_call call
        cdef Py_ssize_t shape[2]
        cdef int k, n_arrays
        check_made(row)
        n_arrays = row.n_in + row.n_out
        if len(arguments) != n_arrays + row.n_params:
            raise TypeError(f"{self._name()} takes {n_arrays} arrays and {row.n_params} parameters")
        shape[0] = -1
        for k in range(row.n_in):
            call.inputs[k] = matrix(self, arguments[k], False, shape, &call.in_step[k])
        for k in range(row.n_out):
            call.out[k] = matrix(self, arguments[row.n_in + k], True, shape, &call.out_step[k])
        for k in range(row.n_params):
            argument = arguments[n_arrays + k]
            call.param_array[k] = NULL
            if cnp.PyArray_Check(argument):
                call.param_array[k] = matrix(self, argument, False, shape, &call.param_step[k])
            else:
                call.param[k] = PyFloat_AsDouble(argument)
        call.row = shape[1]
        run(self, &call, shape[0] * shape[1])

    def __repr__(self):
        return f"<native kernel {self._name()}>"

    def _name(self):
        if self.row == NULL:
            return "of no function"
        return f"{self.row.name.decode()} {self.row.pass_.decode()} {self.row.dtype.decode()}"


cdef int check_made(const void *row) except -1:
    """Raise TypeError for a kernel that Python code has made itself."""
    if row == NULL:
        raise TypeError("this kernel is of no function: kernels() and row_kernels() return those that are")
    return 0


cdef int run(Kernel self, fastact_call *call, Py_ssize_t size) except -1:
    """Run the kernel over all elements; a large call lets other threads and Ctrl-C through."""
    cdef Py_ssize_t begin, end
    call.stream = 0
    call.sums = NULL
    find_code(self, call, size)
    if size < self.keep_gil_below:
        fastact_run(self.row, call, 0, size)
        return 0
    for begin in range(0, size, SLICE):
        end = min(begin + SLICE, size)
        with nogil:
            fastact_run(self.row, call, begin, end)
        PyErr_CheckSignals()
    return 0


cdef object call_kernel(object callable, arguments args, size_t nargsf, PyObject *names):
    cdef Kernel self = <Kernel>callable
    cdef const fastact_kernel *row = self.row
    cdef fastact_call call
    cdef Py_ssize_t size = -1
    cdef int k, n_arrays = row.n_in + row.n_out
    cdef object argument
    if names != NULL or PyVectorcall_NARGS(nargsf) != n_arrays + row.n_params:
        raise TypeError(f"{self._name()} takes {n_arrays} arrays and {row.n_params} parameters, "
                        "by position")
    for k in range(row.n_in):
        call.inputs[k] = memory(self, <object>args[k], False, &size)
    for k in range(row.n_out):
        call.out[k] = memory(self, <object>args[row.n_in + k], True, &size)
    for k in range(row.n_params):
        argument = <object>args[n_arrays + k]
        call.param_array[k] = NULL
        if type(argument) is not float and cnp.PyArray_Check(argument):
            call.param_array[k] = memory(self, argument, False, &size)
        else:
            call.param[k] = PyFloat_AsDouble(argument)
    call.row = 0
    run(self, &call, size)
    return None


cdef void *matrix(Kernel self, object argument, bint written, Py_ssize_t *shape, Py_ssize_t *step) except? NULL:
    """Return the array's memory and how far apart its rows are, its shape checked against `shape`."""
    cdef cnp.ndarray array
    if not cnp.PyArray_Check(argument):
        raise TypeError(f"{self._name()}: expected an array, not {type(argument).__name__}")
    array = <cnp.ndarray>argument
    if cnp.PyArray_TYPE(array) != self.typenum or not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"{self._name()}: the array is {array.dtype}")
    if (cnp.PyArray_NDIM(array) != 2 or not cnp.PyArray_ISALIGNED(array)
            or cnp.PyArray_STRIDE(array, 1) != cnp.PyArray_ITEMSIZE(array)
            or written and not cnp.PyArray_ISWRITEABLE(array)):
        raise ValueError(f"{self._name()}: the array is not of two dimensions, with contiguous rows, "
                         f"aligned{' and writeable' if written else ''}")
    if shape[0] < 0:
        shape[0], shape[1] = cnp.PyArray_DIM(array, 0), cnp.PyArray_DIM(array, 1)
    elif shape[0] != cnp.PyArray_DIM(array, 0) or shape[1] != cnp.PyArray_DIM(array, 1):
        raise ValueError(f"{self._name()}: the shapes differ")
    step[0] = cnp.PyArray_STRIDE(array, 0)
    return cnp.PyArray_DATA(array)


cdef void *memory(Kernel self, object argument, bint written, Py_ssize_t *size) except? NULL:
    """Return the array's memory, its size checked against that of the arrays before it."""
    cdef cnp.ndarray array
    cdef int flags = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED
    if written:
        flags |= cnp.NPY_ARRAY_WRITEABLE
    if not cnp.PyArray_Check(argument):
        raise TypeError(f"{self._name()}: expected an array, not {type(argument).__name__}")
    array = <cnp.ndarray>argument
    if cnp.PyArray_TYPE(array) != self.typenum or not cnp.PyArray_ISNOTSWAPPED(array):
        raise TypeError(f"{self._name()}: the array is {array.dtype}")
    if not cnp.PyArray_CHKFLAGS(array, flags):
        raise ValueError(f"{self._name()}: the array is not contiguous, aligned"
                         f"{' and writeable' if written else ''}")
    if size[0] != cnp.PyArray_SIZE(array):
        if size[0] >= 0:
            raise ValueError(f"{self._name()}: sizes {size[0]} and {cnp.PyArray_SIZE(array)} differ")
        size[0] = cnp.PyArray_SIZE(array)
    return cnp.PyArray_DATA(array)


cdef void bind(Kernel self, const fastact_kernel *row):
    self.vectorcall = call_kernel
    self.row = row
    self.typenum = cnp.NPY_FLOAT if row.dtype[1] == b"3" else cnp.NPY_DOUBLE
    self.keep_gil_below = fastact_parallel_from(row)


cdef Kernel new_kernel(const fastact_kernel *row):
    cdef Kernel self = Kernel.__new__(Kernel)
    bind(self, row)
    return self


def available_isas():
    cdef const fastact_table *tables[FASTACT_MAX_TABLES]
    cdef int k, count = fastact_tables(tables)
    return {tables[k].isa.decode(): tables[k].lanes.decode() for k in range(count)}


def kernels(str isa):
    cdef const fastact_table *tables[FASTACT_MAX_TABLES]
    cdef const fastact_kernel *row
    cdef int k, i
    found = {}
    for k in range(fastact_tables(tables)):
        if tables[k].isa.decode() == isa:
            for i in range(tables[k].count):
                row = &tables[k].kernels[i]
                key = row.name.decode(), row.pass_.decode(), row.dtype.decode()
                found[key] = new_kernel(row)
            return found
    raise ValueError(f"no instruction set {isa!r}: choose one of {', '.join(available_isas())}")


def set_threads(int threads):
    fastact_set_threads(threads)


@cython.final
cdef class Environment:
    """The floating-point environment of the kernels, for the body of one ``with`` statement."""

    cdef fastact_environment given

    def __enter__(self):
        self.given = fastact_enter()

    def __exit__(self, *_):
        fastact_leave(self.given)


cdef class Binding:
    """Parameters that are all numbers, and the pass that they are for: a choice selects another."""

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


cdef class Caller:
    """Base of the public passes: takes plain arrays to a native kernel without a line of Python.

    Whatever is not as simple as that goes to the method `call` of the derived class. Its method
    `bound` turns parameters, by position and by name, into numbers, or returns None.
    """

    cdef vectorcallfunc vectorcall
    cdef object table      # backend -> dtype -> kernel
    cdef object chosen     # the registry: a context variable, and what holds the process's choice
    cdef object state
    cdef object backend    # the backend that `single` and `double` are of
    cdef Kernel single
    cdef Kernel double
    cdef Binding defaults  # None if a parameter is required
    cdef dict bindings     # what parameters were given -> Binding
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
    """Decorate a class derived from Caller: such classes do not inherit the protocol by themselves."""
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
            result = call_short(binding, args, out)
            if result is None and out is None and self.n_in == 1:
                result = call_scalar(binding, <object>args[0])
            if result is not None:
                return result
    positional = tuple([<object>args[k] for k in range(count)])
    options = {(<tuple>names)[k]: <object>args[count + k] for k in range(named)}
    return self.call(*positional, **options)


cdef Binding find_binding(Caller self, arguments args, Py_ssize_t count, PyObject *names,
                          Py_ssize_t named, Py_ssize_t place):
    """Return the binding of the parameters given, or None if they are not all plain values."""
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
        # -0.0 is equal to 0.0, and celu(-1, 0.0) was NaN after a call with -0.0. No parameter given is None here.
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


cdef object call_short(Binding binding, arguments args, object out):
    """Compute, or return None having touched nothing."""
    cdef Caller self = binding.target
    cdef fastact_call call
    cdef cnp.ndarray like, array, first = None
    cdef Kernel kernel
    cdef int k, j, typenum
    cdef Py_ssize_t size
    if type(<object>args[self.n_in - 1]) is not cnp.ndarray:
        return None
    like = <cnp.ndarray>args[self.n_in - 1]
    typenum = cnp.PyArray_TYPE(like)
    if cnp.PyArray_NDIM(like) == 0 or not (typenum == cnp.NPY_FLOAT or typenum == cnp.NPY_DOUBLE):
        return None
    kernel = native_kernel(self, typenum)
    if kernel is None:
        return None
    for k in range(self.n_in):
        if not is_like(<object>args[k], like, typenum, cnp.NPY_ARRAY_CARRAY_RO):
            return None
        call.inputs[k] = cnp.PyArray_DATA(<cnp.ndarray>args[k])
    size = cnp.PyArray_SIZE(like)
    for k in range(self.n_out):
        if out is None:
            array = cnp.PyArray_EMPTY(cnp.PyArray_NDIM(like), cnp.PyArray_DIMS(like), typenum, 0)
        else:
            given = out if self.n_out == 1 else out[k] if is_pair(out) else None
            if not is_like(given, like, typenum, cnp.NPY_ARRAY_CARRAY):
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
    for k in range(4):
        call.param_array[k] = NULL
        call.param[k] = binding.params[k]
    call.row = 0
    run(kernel, &call, size)
    if out is not None:
        return out
    return first if self.n_out == 1 else (first, array)


cdef object call_scalar(Binding binding, object x):
    """The same for one number, which NumPy's scalars and Python's floats are: 0.3 us, not 10."""
    cdef Caller self = binding.target
    cdef fastact_call call
    cdef Kernel kernel
    cdef int k
    cdef cnp.dtype dtype
    cdef double number  # here and below: one element of either type
    cdef double results[2]
    cdef bint double = type(x) is float or type(x) is float64
    if not double and type(x) is not float32:
        return None
    kernel = native_kernel(self, cnp.NPY_DOUBLE if double else cnp.NPY_FLOAT)
    if kernel is None:
        return None
    # Bits are copied: where the caller flushes subnormals, a conversion would.
    if double:
        number = x
    else:
        cnp.PyArray_ScalarAsCtype(x, &number)
    call.inputs[0] = &number
    for k in range(2):
        call.out[k] = &results[k]
    for k in range(4):
        call.param_array[k] = NULL
        call.param[k] = binding.params[k]
    call.row = 0
    run(kernel, &call, 1)
    dtype = double_dtype if double else single_dtype
    first = PyArray_Scalar(&results[0], dtype, None)
    return first if self.n_out == 1 else (first, PyArray_Scalar(&results[1], dtype, None))


cdef bint is_pair(object out):
    return type(out) is tuple and len(<tuple>out) == 2


cdef bint is_like(object value, cnp.ndarray like, int typenum, int flags):
    """Tell whether `value` is a plain array of the same type and shape, with these flags."""
    cdef cnp.ndarray array
    if type(value) is not cnp.ndarray:
        return False
    array = <cnp.ndarray>value
    return (cnp.PyArray_TYPE(array) == typenum and cnp.PyArray_ISNOTSWAPPED(array)
            and cnp.PyArray_CHKFLAGS(array, flags)
            and (array is like or cnp.PyArray_SAMESHAPE(array, like)))


cdef bint overlap(const void *a, const void *b, Py_ssize_t length, bint same_is_fine):
    """Tell whether two blocks of memory share a part, or all of it unless that is fine."""
    if a == b:
        return not same_is_fine and length > 0
    return <const char *>a < <const char *>b + length and <const char *>b < <const char *>a + length


cdef Kernel native_kernel(Caller self, int typenum):
    """Return the kernel of the backend in force, or None if Python has to call it."""
    cdef PyObject *found = NULL
    PyContextVar_Get(self.chosen, NULL, &found)
    backend = <object>found if found != NULL else None
    if found != NULL:
        Py_DECREF(backend)
    if backend is None:
        backend = self.state.chosen
    if backend is None:
        return None
    if backend is not self.backend:
        bound = self.table[backend]
        single, double = bound[single_dtype], bound[double_dtype]
        known = isinstance(single, Kernel) and isinstance(double, Kernel)
        self.single, self.double = (single, double) if known else (None, None)
        self.backend = backend
    return self.single if typenum == cnp.NPY_FLOAT else self.double


cdef cnp.dtype single_dtype = cnp.PyArray_DescrFromType(cnp.NPY_FLOAT)
cdef cnp.dtype double_dtype = cnp.PyArray_DescrFromType(cnp.NPY_DOUBLE)
cdef Kernel _a_kernel = Kernel.__new__(Kernel)
fastact_use_vectorcall(<PyTypeObject *>Kernel,
                       <char *>&_a_kernel.vectorcall - <char *><PyObject *>_a_kernel)

include "_native_compiled.pxi"
include "_native_rows.pxi"
