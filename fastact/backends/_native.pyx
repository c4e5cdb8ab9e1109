# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""The kernels of csrc/ as callables."""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from cpython.float cimport PyFloat_AsDouble
from cpython.object cimport PyObject, PyTypeObject

cnp.import_array()


cdef extern from "fastact.h":
    enum:
        FASTACT_MAX_TABLES
    ctypedef struct fastact_call:
        const void *inputs "in"[2]
        void *out[2]
        const void *param_array[4]
        double param[4]
        int stream
    ctypedef struct fastact_kernel:
        const char *name
        const char *pass_ "pass"
        const char *dtype
        int n_in
        int n_out
        int n_params
    ctypedef struct fastact_table:
        const char *isa
        const char *lanes
        const fastact_kernel *kernels
        int count
    int fastact_tables(const fastact_table **tables)
    void fastact_set_threads(int threads)
    Py_ssize_t fastact_parallel_from(const fastact_kernel *kernel)
    void fastact_run(const fastact_kernel *kernel, const fastact_call *call, Py_ssize_t begin,
                     Py_ssize_t end) nogil


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
    Py_ssize_t PyVectorcall_NARGS(size_t nargsf)


# Between slices Ctrl-C is looked for: some 5 to 100 ms of work on two AVX2 cores.
cdef Py_ssize_t SLICE = 1 << 24


@cython.final
cdef class Kernel:
    """One pass of one function for one dtype: takes the inputs, the outputs and the parameters."""

    cdef vectorcallfunc vectorcall
    cdef const fastact_kernel *row
    cdef int typenum
    cdef Py_ssize_t keep_gil_below

    def __repr__(self):
        return f"<native kernel {self._name()}>"

    def _name(self):
        return f"{self.row.name.decode()} {self.row.pass_.decode()} {self.row.dtype.decode()}"


cdef object call_kernel(object callable, arguments args, size_t nargsf, PyObject *names):
    cdef Kernel self = <Kernel>callable
    cdef const fastact_kernel *row = self.row
    cdef fastact_call call
    cdef Py_ssize_t begin, end, size = -1
    cdef int k, n_arrays = row.n_in + row.n_out
    cdef object argument
    if names != NULL or PyVectorcall_NARGS(nargsf) != n_arrays + row.n_params:
        raise TypeError(f"{self._name()} takes {n_arrays} arrays and {row.n_params} parameters, "
                        "by position")
    call.stream = 0
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
    if size < self.keep_gil_below:
        fastact_run(row, &call, 0, size)
        return None
    for begin in range(0, size, SLICE):
        end = min(begin + SLICE, size)
        with nogil:
            fastact_run(row, &call, begin, end)
        PyErr_CheckSignals()
    return None


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


cdef Kernel new_kernel(const fastact_kernel *row):
    cdef Kernel self = Kernel.__new__(Kernel)
    self.vectorcall = call_kernel
    self.row = row
    self.typenum = cnp.NPY_FLOAT if row.dtype[1] == b"3" else cnp.NPY_DOUBLE
    self.keep_gil_below = fastact_parallel_from(row)
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


cdef Kernel _offset_of = Kernel.__new__(Kernel)
fastact_use_vectorcall(<PyTypeObject *>Kernel,
                       <char *>&_offset_of.vectorcall - <char *><PyObject *>_offset_of)
