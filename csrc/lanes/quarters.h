/* Some of four elements of 16 bits as one number: what partial vectors consist of. */
LANE uint64_t quarter_load(const uint16_t *p, ptrdiff_t n)
{
    uint64_t all = 0;
    uint32_t two;
    if (n >= 4) {
        memcpy(&all, p, sizeof all);
        return all;
    }
    if (n >= 2) {
        memcpy(&two, p, sizeof two);
        all = two;
    }
    return n % 2 > 0 ? all | (uint64_t)p[n - 1] << 16 * (n - 1) : all;
}
LANE void quarter_store(uint16_t *p, ptrdiff_t n, uint64_t all)
{
    const uint32_t two = (uint32_t)all;
    if (n >= 4) {
        memcpy(p, &all, sizeof all);
        return;
    }
    if (n >= 2)
        memcpy(p, &two, sizeof two);
    if (n % 2 > 0)
        p[n - 1] = (uint16_t)(all >> 16 * (n - 1));
}
