/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"
#include "tp_runs.h"

/* Defines the innermost loop over runs that MOVE copies, four at a time. */
#define DEFINE_RUNS(name, MOVE)                                                \
    TP_NOINLINE void name(const tp_copy *copy, const int8_t *from, int8_t *to) \
    {                                                                          \
        const int32_t step = copy->source_3, target_step = copy->target_3;     \
        int32_t count = copy->count_3;                                         \
        for (; count >= 4; count -= 4) {                                       \
            MOVE;                                                              \
            MOVE;                                                              \
            MOVE;                                                              \
            MOVE;                                                              \
        }                                                                      \
        while (count-- > 0) {                                                  \
            MOVE;                                                              \
        }                                                                      \
    }

/* One value of a type, and on to the next. */
#define VALUE(type)                                          \
    *(type *)(void *)to = *(const type *)(const void *)from; \
    from += step;                                            \
    to += target_step

DEFINE_RUNS(bytes, VALUE(int8_t))
DEFINE_RUNS(halfwords, VALUE(int16_t))

/* Whether words may lie anywhere. */
#if defined(__ARM_ARCH_6M__)
#define WORDS_ANYWHERE 0
#else
#define WORDS_ANYWHERE 1
#endif

/* Runs of 4 to 8 bytes: their first and their last four. */
TP_NOINLINE void short_runs(const tp_copy *copy, const int8_t *from, int8_t *to)
{
    const int32_t step = copy->source_3, target_step = copy->target_3, last = copy->size - 4;
    int32_t count = copy->count_3;
    do {
        tp_store4(to, tp_load4(from));
        tp_store4(to + last, tp_load4(from + last));
        from += step;
        to += target_step;
    } while (--count != 0);
}

/* Defines the innermost loop over runs of few values of a type, one by one. */
#define DEFINE_SHORT_RUNS(name, type)                                            \
    TP_NOINLINE void name(const tp_copy *copy, const int8_t *from, int8_t *to)   \
    {                                                                            \
        const int32_t last = copy->size / (int32_t)sizeof(type) - 1;             \
        const int32_t step = copy->source_3, target_step = copy->target_3;       \
        int32_t count = copy->count_3;                                           \
        do {                                                                     \
            const type *const values = (const type *)(const void *)from;         \
            type *const copies = (type *)(void *)to;                             \
            for (int32_t i = last; i >= 0; i--) {                                \
                copies[i] = values[i];                                           \
            }                                                                    \
            from += step;                                                        \
            to += target_step;                                                   \
        } while (--count != 0);                                                  \
    }

DEFINE_SHORT_RUNS(runs_of_bytes, int8_t)
DEFINE_SHORT_RUNS(runs_of_halfwords, int16_t)

/* Runs of any length. */
TP_NOINLINE void runs(const tp_copy *copy, const int8_t *from, int8_t *to)
{
    const int32_t size = copy->size, step = copy->source_3, target_step = copy->target_3;
    int32_t count = copy->count_3;
    do {
        tp_copy_run(to, from, size);
        from += step;
        to += target_step;
    } while (--count != 0);
}

static int is_even(const tp_copy *copy, const int8_t *from, const int8_t *to)
{
    const int32_t steps = copy->size | copy->source_0 | copy->source_1 | copy->source_2 | copy->source_3 | copy->target_0 |
                          copy->target_1 | copy->target_2 | copy->target_3;
    return (((uintptr_t)from | (uintptr_t)to | (uintptr_t)steps) & 1u) == 0;
}

void tp_copy_s8_dense_c(const tp_copy *copy, const void *source, void *target)
{
    const int8_t *from = (const int8_t *)source + copy->source_offset;
    int8_t *to = (int8_t *)target + copy->target_offset;
    void (*inner)(const tp_copy *, const int8_t *, int8_t *) = runs;
    if (copy->size == 1) {
        inner = bytes;
    } else if (copy->size == 2 && is_even(copy, from, to)) {
        inner = halfwords;
    } else if (WORDS_ANYWHERE && copy->size >= 4 && copy->size <= 8) {
        inner = short_runs;
    } else if (!WORDS_ANYWHERE && copy->size <= TP_LONG) {
        inner = is_even(copy, from, to) ? runs_of_halfwords : runs_of_bytes;
    }
    for (int32_t i = 0; i < copy->count_0; i++) {
        for (int32_t j = 0; j < copy->count_1; j++) {
            for (int32_t k = 0; k < copy->count_2; k++) {
                const int32_t at = i * copy->source_0 + j * copy->source_1 + k * copy->source_2;
                const int32_t target_at = i * copy->target_0 + j * copy->target_1 + k * copy->target_2;
                inner(copy, from + at, to + target_at);
            }
        }
    }
}
