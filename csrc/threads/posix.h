/* threads.h over POSIX threads; Linux also tells processors and lets a thread choose them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getcpu */
#endif
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "threads/start.h"

typedef struct {
    pthread_mutex_t lock;
    pthread_cond_t wake;
} waiter;

static void waiter_init(waiter *w)
{
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
}

static void waiter_lock(waiter *w) { pthread_mutex_lock(&w->lock); }
static void waiter_unlock(waiter *w) { pthread_mutex_unlock(&w->lock); }
static void waiter_wait(waiter *w) { pthread_cond_wait(&w->wake, &w->lock); }
static void waiter_wake(waiter *w) { pthread_cond_signal(&w->wake); }

static void *run_thread(void *start)
{
    run_and_free(start);
    return NULL;
}

/* The thread blocks all signals: Ctrl-C must reach the main thread. */
static int start_thread(void (*body)(unsigned index), unsigned index)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    thread_start *start = new_start(body, index);
    if (start == NULL)
        return 0;
    if (pthread_attr_init(&attributes) != 0) {
        free(start);
        return 0;
    }
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = pthread_create(&thread, &attributes, run_thread, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error != 0)
        free(start);
    return error == 0;
}

static void (*reset_after_fork)(void);

static void register_reset(void) { pthread_atfork(NULL, NULL, reset_after_fork); }

static void in_forked_child(void (*reset)(void))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    reset_after_fork = reset;
    pthread_once(&once, register_reset);
}

static int64_t nanoseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void yield_thread(void) { sched_yield(); }

#ifdef __linux__
static int this_cpu(void) { return sched_getcpu(); }
static int this_thread(void) { return (int)syscall(SYS_gettid); }

/* A thread whose affinity was set from outside (taskset) stays where it is. */
static int leave_cpu(int cpu, int thread)
{
    static _Thread_local cpu_set_t chosen;
    static _Thread_local int has_chosen;
    cpu_set_t now, others;
    if (cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof now, &now) != 0
        || sched_getaffinity(thread, sizeof others, &others) != 0)
        return 0;
    if (!CPU_EQUAL(&now, &others) && !(has_chosen && CPU_EQUAL(&now, &chosen)))
        return 0;
    CPU_CLR(cpu, &others);
    if (CPU_COUNT(&others) == 0 || sched_setaffinity(0, sizeof others, &others) != 0)
        return 0;
    chosen = others;
    has_chosen = 1;
    return 1;
}
#else
#include "threads/no_processors.h"
#endif
