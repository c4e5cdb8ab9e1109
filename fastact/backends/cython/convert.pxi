# Conversions between elements of 16 bits and float32. Included by _native.pyx.

cdef const fastact_table *conversions = NULL


def convert(source, target):
    """Copy a contiguous array to another of its size, one of float32 and one of float16 or bfloat16, rounded to nearest.

    Returns whether it did: not if the arrays are of other types, or not contiguous and aligned.
    """
    global conversions
    cdef cnp.ndarray a = source, b = target
    cdef int flags = cnp.NPY_ARRAY_C_CONTIGUOUS | cnp.NPY_ARRAY_ALIGNED
    cdef int given = element_of(a), wanted = element_of(b)
    cdef fastact_conversion found
    cdef Py_ssize_t size = cnp.PyArray_SIZE(a)
    if (given < 0 or wanted < 0 or (given == F32) == (wanted == F32) or given == F64 or wanted == F64
            or size != cnp.PyArray_SIZE(b) or not cnp.PyArray_CHKFLAGS(a, flags)
            or not cnp.PyArray_CHKFLAGS(b, flags | cnp.NPY_ARRAY_WRITEABLE)):
        return False
    if conversions == NULL:
        conversions = table_of(next(iter(available_isas())))
    if given == F32:
        found = conversions.f32_to_f16 if wanted == F16 else conversions.f32_to_bf16
    else:
        found = conversions.f16_to_f32 if given == F16 else conversions.bf16_to_f32
    with nogil:
        found(cnp.PyArray_DATA(a), cnp.PyArray_DATA(b), size)
    return True
