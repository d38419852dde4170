/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"
#include "tp_loops.h"

enum { SHORT = 8 }; /* runs up to here are not worth a call */

/* Whether a copy's runs are values of `size` bytes that all lie at multiples of it. */
static int lies_at(const tp_copy *copy, const int8_t *from, const int8_t *to, int32_t size)
{
    const int32_t steps = copy->source_0 | copy->source_1 | copy->source_2 | copy->source_3 | copy->target_0 |
                          copy->target_1 | copy->target_2 | copy->target_3;
    return copy->size == size && (((uintptr_t)from | (uintptr_t)to | (uintptr_t)steps) & (uintptr_t)(size - 1)) == 0;
}

/* One run: MOVE is a statement for values of a type. */
#define MOVE(type)                                                       \
    *(type *)(void *)to = *(const type *)(const void *)from;             \
    from += step;                                                        \
    to += target_step

/* The innermost loop, over runs that are one value of a type. */
#define DEFINE_RUNS(name, type)                                              \
    TP_NOINLINE void name(const tp_copy *copy, const int8_t *from, int8_t *to) \
    {                                                                        \
        const int32_t step = copy->source_3, target_step = copy->target_3;   \
        int32_t count = copy->count_3;                                       \
        for (; count >= 4; count -= 4) {                                     \
            MOVE(type);                                                      \
            MOVE(type);                                                      \
            MOVE(type);                                                      \
            MOVE(type);                                                      \
        }                                                                    \
        while (count-- > 0) {                                                \
            MOVE(type);                                                      \
        }                                                                    \
    }

DEFINE_RUNS(bytes, int8_t)
DEFINE_RUNS(halfwords, int16_t)
DEFINE_RUNS(words, int32_t)

/* The same over runs of any length. */
TP_NOINLINE void runs(const tp_copy *copy, const int8_t *from, int8_t *to)
{
    const int32_t size = copy->size;
    for (int32_t left = copy->count_3; left > 0; left--) {
        if (size > SHORT) {
            memcpy(to, from, (size_t)size);
        } else {
            int32_t byte = size;
            do {
                byte--;
                to[byte] = from[byte];
            } while (byte > 0);
        }
        from += copy->source_3;
        to += copy->target_3;
    }
}

void tp_copy_s8_dense_c(const tp_copy *copy, const void *source, void *target)
{
    const int8_t *from = (const int8_t *)source + copy->source_offset;
    int8_t *to = (int8_t *)target + copy->target_offset;
    void (*const inner)(const tp_copy *, const int8_t *, int8_t *) = copy->size == 1                 ? bytes
                                                                     : lies_at(copy, from, to, 2) ? halfwords
                                                                     : lies_at(copy, from, to, 4) ? words
                                                                                                  : runs;
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
