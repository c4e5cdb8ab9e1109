/* threads.h over Windows' threads, slim reader/writer locks and condition variables. There is no fork, no signal is
   sent to a thread, and the scheduler wakes a thread on its ideal processor, which differs from thread to thread. */
#define WIN32_LEAN_AND_MEAN
#include <process.h>
#include <stdint.h>
#include <windows.h>

#include "threads/no_processors.h"
#include "threads/start.h"

typedef struct {
    SRWLOCK lock;
    CONDITION_VARIABLE wake;
} waiter;

static void waiter_init(waiter *w)
{
    InitializeSRWLock(&w->lock);
    InitializeConditionVariable(&w->wake);
}

static void waiter_lock(waiter *w) { AcquireSRWLockExclusive(&w->lock); }
static void waiter_unlock(waiter *w) { ReleaseSRWLockExclusive(&w->lock); }
static void waiter_wait(waiter *w) { SleepConditionVariableSRW(&w->wake, &w->lock, INFINITE, 0); }
static void waiter_wake(waiter *w) { WakeConditionVariable(&w->wake); }

static unsigned __stdcall run_thread(void *start)
{
    run_and_free(start);
    return 0;
}

/* _beginthreadex, not CreateThread: the threads may use the C library. */
static int start_thread(void (*body)(unsigned index), unsigned index)
{
    thread_start *start = new_start(body, index);
    const uintptr_t thread = start == NULL ? 0 : _beginthreadex(NULL, 0, run_thread, start, 0, NULL);
    if (thread == 0) {
        free(start);
        return 0;
    }
    CloseHandle((HANDLE)thread);
    return 1;
}

static void in_forked_child(void (*reset)(void)) { (void)reset; }

static int64_t nanoseconds(void)
{
    static int64_t frequency; /* every thread writes the same */
    LARGE_INTEGER now;
    if (frequency == 0) {
        QueryPerformanceFrequency(&now);
        frequency = now.QuadPart;
    }
    QueryPerformanceCounter(&now);
    return now.QuadPart / frequency * INT64_C(1000000000)
           + now.QuadPart % frequency * INT64_C(1000000000) / frequency;
}

static void yield_thread(void) { SwitchToThread(); }
