/* The thread pool and kernels on it, under the thread sanitizer: callers at once, changes of the number of threads, and
   forks, whose children compute too. Every result is compared with that of one thread. */
#define _GNU_SOURCE /* usleep */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fastact.h"

extern const fastact_table TABLE;

enum { SIZE = 1 << 18, CALLERS = 4, ROUNDS = 40, FORKS = 6, LENGTH = 512 };

static float x[SIZE];
static float expected[4][SIZE]; /* of each kernel; the last is that of the rows */
static double expected_sum;
static const fastact_kernel *chosen[3];
static const fastact_row_kernel *rows;
static atomic_int done;

static const fastact_kernel *find(const char *name, const char *pass)
{
    for (int k = 0; k < TABLE.count; k++) {
        const fastact_kernel *kernel = &TABLE.kernels[k];
        if (!strcmp(kernel->name, name) && !strcmp(kernel->pass, pass) && !strcmp(kernel->dtype, "f32"))
            return kernel;
    }
    fprintf(stderr, "no kernel %s %s\n", name, pass);
    exit(1);
}

static const fastact_row_kernel *find_rows(void)
{
    for (int k = 0; k < TABLE.row_count; k++)
        if (!strcmp(TABLE.row_kernels[k].pass, "forward") && !strcmp(TABLE.row_kernels[k].dtype, "f32"))
            return &TABLE.row_kernels[k];
    exit(1);
}

static void run_kernel(int k, float *out)
{
    fastact_call call = {.in = {x, x}, .out = {out}};
    fastact_run(chosen[k], &call, 0, SIZE);
}

static double run_sum(void)
{
    double total = 0;
    const fastact_call call = {.in = {x, x}};
    if (fastact_run_sum(chosen[1], &call, 0, SIZE, &total) != FASTACT_DONE)
        exit(2);
    return total;
}

static void run_rows(float *out, ptrdiff_t inner)
{
    const fastact_row_call call = {
        .in = {x}, .out = out, .outer = SIZE / LENGTH / inner, .axis = LENGTH, .inner = inner, .step = inner,
        .param = {1.0}};
    if (fastact_run_rows(rows, &call, NULL) != FASTACT_DONE)
        exit(2);
}

/* Whether all calls give what one thread gives. */
static int compute(float *out)
{
    int same = run_sum() == expected_sum;
    for (int k = 0; k < 3; k++) {
        run_kernel(k, out);
        same &= !memcmp(out, expected[k], sizeof x);
    }
    run_rows(out, 1);
    same &= !memcmp(out, expected[3], sizeof x);
    run_rows(out, 4); /* across the rows */
    return same;
}

static void *caller(void *wrong)
{
    float *out = malloc(sizeof x);
    for (int k = 0; k < ROUNDS; k++)
        if (!compute(out))
            atomic_fetch_add((atomic_int *)wrong, 1);
    free(out);
    return NULL;
}

static void *change_threads(void *unused)
{
    for (int k = 0; !atomic_load(&done); k++) {
        fastact_set_threads(1 + k % 5);
        usleep(200);
    }
    return unused;
}

static int forked(void)
{
    const pid_t child = fork();
    int status = 0;
    if (child == 0) {
        float *out = malloc(sizeof x);
        fastact_set_threads(2);
        _exit(out == NULL || !compute(out));
    }
    waitpid(child, &status, 0);
    return status != 0;
}

int main(void)
{
    pthread_t callers[CALLERS], changer;
    atomic_int wrong = 0;
    chosen[0] = find("relu", "forward"), chosen[1] = find("mish", "forward"), chosen[2] = find("mish", "vjp");
    rows = find_rows();
    for (int k = 0; k < SIZE; k++)
        x[k] = (float)(k % 2003 - 1000) / 97.0f;
    fastact_set_threads(1);
    for (int k = 0; k < 3; k++)
        run_kernel(k, expected[k]);
    run_rows(expected[3], 1);
    expected_sum = run_sum();

    fastact_set_threads(4);
    pthread_create(&changer, NULL, change_threads, NULL);
    for (int k = 0; k < CALLERS; k++)
        pthread_create(&callers[k], NULL, caller, &wrong);
    for (int k = 0; k < FORKS; k++) /* while the others compute */
        atomic_fetch_add(&wrong, forked());
    for (int k = 0; k < CALLERS; k++)
        pthread_join(callers[k], NULL);
    atomic_store(&done, 1);
    pthread_join(changer, NULL);
    printf("%d wrong\n", atomic_load(&wrong));
    return atomic_load(&wrong) != 0;
}
