/* For a system that does not tell on which processor a thread runs: no thread is ever moved. */
static int this_cpu(void) { return -1; }
static int this_thread(void) { return 0; }

static int leave_cpu(int cpu, int thread)
{
    (void)cpu;
    (void)thread;
    return 0;
}
