# Element types: what the kernels of each are called, and which arrays have it. Included by _native.pyx.

cdef extern from "numpy/arrayobject.h":
    enum:
        NPY_HALF  # numpy's own declarations lack both
        NPY_USERDEF


cdef enum Element:
    F32
    F64
    F16
    BF16
    ELEMENTS  # how many

cdef tuple ELEMENT_NAMES = ("f32", "f64", "f16", "bf16")  # in the order of the enum
cdef tuple ITEMSIZES = (4, 8, 2, 2)
# bfloat16's is not known here.
cdef tuple SCALAR_DTYPES = (cnp.PyArray_DescrFromType(cnp.NPY_FLOAT), cnp.PyArray_DescrFromType(cnp.NPY_DOUBLE),
                            cnp.PyArray_DescrFromType(NPY_HALF))

# NumPy's number of the type; -1 until an array of it is seen: ml_dtypes, which defines it, may be imported at any time.
cdef int bfloat16_typenum = -1


cdef int element_of(cnp.ndarray array) except? -1:
    """Return the element type of an array, -1 if it is another one or not in native byte order."""
    global bfloat16_typenum
    cdef int typenum = cnp.PyArray_TYPE(array)
    if not cnp.PyArray_ISNOTSWAPPED(array):
        return -1
    if typenum == cnp.NPY_FLOAT:
        return F32
    if typenum == cnp.NPY_DOUBLE:
        return F64
    if typenum == NPY_HALF:
        return F16
    if typenum == bfloat16_typenum:
        return BF16
    if typenum >= NPY_USERDEF and bfloat16_typenum == -1 and array.dtype.name == "bfloat16":
        bfloat16_typenum = typenum
        return BF16
    return -1
