/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

enum { SHORT = 8 }; /* runs up to here are not worth a call */

void tp_copy_s8_dense_c(const tp_copy *copy, const int8_t *source, int8_t *target)
{
    source += copy->source_offset;
    target += copy->target_offset;
    for (int32_t i = 0; i < copy->count_0; i++) {
        for (int32_t j = 0; j < copy->count_1; j++) {
            for (int32_t k = 0; k < copy->count_2; k++) {
                const int8_t *from = source + (i * copy->source_0 + j * copy->source_1 + k * copy->source_2);
                int8_t *to = target + (i * copy->target_0 + j * copy->target_1 + k * copy->target_2);
                for (int32_t l = 0; l < copy->count_3; l++) {
                    if (copy->size > SHORT) {
                        memcpy(to, from, (size_t)copy->size);
                    } else {
                        for (int32_t byte = 0; byte < copy->size; byte++) {
                            to[byte] = from[byte];
                        }
                    }
                    from += copy->source_3;
                    to += copy->target_3;
                }
            }
        }
    }
}
