/* What the pool needs of the system's threads. Each system has one file in threads/, which implements:

   waiter                          what one thread sleeps on, and its functions waiter_init, waiter_lock, waiter_unlock;
   waiter_wait(w)                  sleep, with the lock held on entry and on return; it may return without a reason
   waiter_wake(w)                  wake the thread that sleeps, with the lock held
   start_thread(body, index)       run body(index) on a new thread, which nobody waits for; return whether there is one
   in_forked_child(reset)          have `reset` called in every forked child, registered once
   nanoseconds(), yield_thread()
   this_cpu(), this_thread()       the processor that runs this thread, or -1; a number that leave_cpu understands
   leave_cpu(cpu, thread)          move this thread from a processor to any other that `thread` may use; return whether
                                   it was moved */
#ifndef FASTACT_THREADS_H
#define FASTACT_THREADS_H

#ifdef _WIN32
#include "threads/windows.h"
#else
#include "threads/posix.h"
#endif

#endif
