/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

enum { SHORT = 8 }; /* runs up to here are not worth a call */

static void copy_runs(const tp_copy *copy, const int8_t *from, int8_t *to)
{
    const int32_t size = copy->size, count = copy->count_3, step = copy->source_3, target_step = copy->target_3;
    if (size == 1) {
        for (int32_t l = 0; l < count; l++) {
            *to = *from;
            from += step;
            to += target_step;
        }
        return;
    }
    for (int32_t l = 0; l < count; l++) {
        if (size > SHORT) {
            memcpy(to, from, (size_t)size);
        } else {
            for (int32_t byte = 0; byte < size; byte++) {
                to[byte] = from[byte];
            }
        }
        from += step;
        to += target_step;
    }
}

void tp_copy_s8_dense_c(const tp_copy *copy, const void *source, void *target)
{
    const int8_t *first = (const int8_t *)source + copy->source_offset;
    int8_t *first_target = (int8_t *)target + copy->target_offset;
    for (int32_t i = 0; i < copy->count_0; i++) {
        for (int32_t j = 0; j < copy->count_1; j++) {
            for (int32_t k = 0; k < copy->count_2; k++) {
                const int8_t *from = first + (i * copy->source_0 + j * copy->source_1 + k * copy->source_2);
                int8_t *to = first_target + (i * copy->target_0 + j * copy->target_1 + k * copy->target_2);
                copy_runs(copy, from, to);
            }
        }
    }
}
