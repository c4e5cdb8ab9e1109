# Kernels that another compiler made, called by their address; jobs of such code. Included by _native.pyx.

cdef extern from "fastact.h":
    ctypedef int (*fastact_piece)(void **result, void **error, Py_ssize_t context, Py_ssize_t number)
    void fastact_run_pieces(fastact_piece piece, Py_ssize_t context, Py_ssize_t pieces) noexcept nogil

cdef tuple COSTS = ("move", "cheap", "exp", "heavy")  # in the order of enum fastact_cost
cdef tuple FORMS = ("scalar", "plain", "array")


@cython.final
cdef class Compiled(Kernel):
    """A kernel of machine code that is compiled when it is first needed.

    Parameters
    ----------
    key : tuple of str
        The function, the pass, and the name of the element type.
    arrays : str
        "i" for each input, then "o" for each output.
    n_params : int
        How many parameters the function has.
    cost : str
        Its cost class.
    defaults : tuple of float
        The parameters of the form "plain"; empty if there is no such form.
    compile : callable
        Takes "scalar" (for parameters that are numbers), "plain" (for the defaults) or "array" (for
        both arrays and numbers), whether to use non-temporal stores, and whether the first output is of
        the type that is computed in. Returns the addresses of a fastact_entry_point and of the code.
    """

    cdef fastact_kernel own_entry
    cdef fastact_code code[6]  # the forms, and again with a first output of the type that is computed in
    cdef double defaults[4]
    cdef int n_defaults
    cdef tuple names
    cdef object compile

    def __cinit__(self, tuple key not None, str arrays not None, int n_params, str cost not None,
                  tuple defaults not None, compile):
        cdef int k
        self.names = tuple([word.encode() for word in key])
        self.own_entry.name, self.own_entry.pass_, self.own_entry.dtype = self.names
        self.own_entry.n_in, self.own_entry.n_out = arrays.count("i"), arrays.count("o")
        self.own_entry.n_params = n_params
        if (self.own_entry.n_in > FASTACT_MAX_INPUTS or self.own_entry.n_out > FASTACT_MAX_OUTPUTS
                or n_params > FASTACT_MAX_PARAMS or len(defaults) not in (0, n_params)):
            raise ValueError(f"{key}: too many operands, or not as many defaults as parameters")
        self.own_entry.itemsize = ITEMSIZES[ELEMENT_NAMES.index(key[2])]
        self.own_entry.cost = <fastact_cost>COSTS.index(cost)
        self.own_entry.loop = fastact_run_code
        self.own_entry.sum = sum_of(self.names[2])
        self.n_defaults = len(defaults)
        for k in range(self.n_defaults):
            self.defaults[k] = defaults[k]
        self.compile = compile
        bind(self, &self.own_entry)

    def __repr__(self):
        return f"<compiled kernel {self._name()}>"


cdef fastact_sum sum_of(bytes dtype) except NULL:
    """Return the sum of the best instruction set; all give the same bits."""
    cdef const fastact_table *table = table_of(next(iter(available_isas())))
    cdef int k
    for k in range(table.count):
        if table.kernels[k].dtype == dtype:
            return table.kernels[k].sum
    raise ValueError(f"no kernels of {dtype.decode()}")


cdef int find_code(Kernel kernel, fastact_call *call, Py_ssize_t size, bint wide) except -1:
    """Give the call the code for its parameters, compiled if it is not yet."""
    cdef Compiled self
    cdef fastact_code *code
    cdef int k, form
    if type(kernel) is not Compiled:
        return 0
    self = <Compiled>kernel
    form = 1 if self.n_defaults > 0 else 0
    for k in range(self.own_entry.n_params):
        if call.param_array[k] != NULL:
            form = 2
            break
        if form == 1 and call.param[k] != self.defaults[k]:
            form = 0
    if wide and self.own_entry.itemsize == 2:
        form += len(FORMS)
    code = &self.code[form]
    if code.entry_point == NULL:
        compile_code(self, form)
    if code.non_temporal_address == 0 and fastact_is_non_temporal(&self.own_entry, call, size):
        code.non_temporal_address = self.compile(FORMS[form], True, False)[1]
    call.code = code
    return 0


cdef int compile_code(Compiled self, int form) except -1:
    cdef fastact_code *code = &self.code[form]
    cdef Py_ssize_t entry_point
    entry_point, code.address = self.compile(FORMS[form % len(FORMS)], False, form >= len(FORMS))
    code.itemsize = self.own_entry.itemsize
    code.n_in, code.n_out, code.n_params = self.own_entry.n_in, self.own_entry.n_out, self.own_entry.n_params
    code.entry_point = <fastact_entry_point>entry_point
    return 0


def share(Py_ssize_t piece, Py_ssize_t context, Py_ssize_t pieces):
    with nogil:
        fastact_run_pieces(<fastact_piece>piece, context, pieces)


fastact_use_vectorcall(<PyTypeObject *>Compiled,
                       <char *>&_a_kernel.vectorcall - <char *><PyObject *>_a_kernel)
