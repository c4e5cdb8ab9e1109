# The kernel tables of the instruction sets, and what all kinds of kernels check. Included by _native.pyx.


def available_isas():
    cdef const fastact_instruction_set *one = fastact_instruction_sets
    found = {}
    while one.name != NULL:
        if one.runs_here():
            found[one.name.decode()] = one.description.decode()
        one += 1
    return found


cdef const fastact_table *table_of(str isa) except NULL:
    cdef const fastact_instruction_set *one = fastact_instruction_sets
    while one.name != NULL:
        if one.name.decode() == isa and one.runs_here():
            return one.table
        one += 1
    raise ValueError(f"no instruction set {isa!r}: choose one of {', '.join(available_isas())}")


def kernels(str isa):
    cdef const fastact_table *table = table_of(isa)
    cdef const fastact_kernel *entry
    cdef Kernel kernel
    cdef int k
    found = {}
    for k in range(table.count):
        entry = &table.kernels[k]
        kernel = Kernel.__new__(Kernel)
        bind(kernel, entry)
        found[entry.name.decode(), entry.pass_.decode(), entry.dtype.decode()] = kernel
    return found


def row_kernels(str isa):
    cdef const fastact_table *table = table_of(isa)
    cdef const fastact_row_kernel *entry
    cdef RowKernel kernel
    cdef int k
    found = {}
    for k in range(table.row_count):
        entry = &table.row_kernels[k]
        kernel = RowKernel.__new__(RowKernel)
        kernel.entry = entry
        kernel.element = element_named(entry.dtype)
        found[entry.name.decode(), entry.pass_.decode(), entry.dtype.decode()] = kernel
    return found


cdef int element_named(const char *dtype) except -1:
    return ELEMENT_NAMES.index(dtype.decode())


cdef int check_bound(const void *entry) except -1:
    """Raise TypeError for a kernel that Python code has created itself."""
    if entry == NULL:
        raise TypeError("this kernel has no function: only kernels() and row_kernels() return usable ones")
    return 0


cdef cnp.ndarray checked(object kernel, object argument, int element):
    """Return the argument if it is an array of the kernel's dtype in native byte order."""
    if not cnp.PyArray_Check(argument):
        raise TypeError(f"{kernel._name()}: expected an array, not {type(argument).__name__}")
    if element_of(<cnp.ndarray>argument) != element:
        raise TypeError(f"{kernel._name()}: the array is {argument.dtype}")
    return <cnp.ndarray>argument


cdef int check_contiguous(object kernel, cnp.ndarray array, bint written) except -1:
    cdef int flags = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED
    if written:
        flags |= cnp.NPY_ARRAY_WRITEABLE
    if not cnp.PyArray_CHKFLAGS(array, flags):
        raise ValueError(f"{kernel._name()}: the array is not contiguous, aligned"
                         f"{' and writeable' if written else ''}")
    return 0
