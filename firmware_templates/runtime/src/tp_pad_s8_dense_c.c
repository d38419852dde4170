/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

static int8_t *fill(int8_t *output, int32_t value, int32_t count)
{
    if ((value & 0xff) != value >> 8) {
        int16_t *halfwords = (int16_t *)(void *)output;
        for (int32_t i = 0; i < count / 2; i++) {
            halfwords[i] = (int16_t)value;
        }
    } else if (count > 0) {
        memset(output, value, (size_t)count);
    }
    return output + count;
}

void tp_pad_s8_dense_c(const tp_pad *pad, const void *source, void *target)
{
    const int8_t *input = source;
    int8_t *output = target;
    const int32_t value = pad->value;
    const int32_t between = pad->after_3 + pad->before_3; /* of two rows */
    output = fill(output, value, pad->before_0);
    for (int32_t i = 0; i < pad->count_0; i++) {
        output = fill(output, value, pad->before_1);
        for (int32_t j = 0; j < pad->count_1; j++) {
            output = fill(output, value, pad->before_2 + pad->before_3);
            for (int32_t k = 0; k < pad->count_2; k++) {
                if (output != input) {
                    memcpy(output, input, (size_t)pad->count_3);
                }
                input += pad->count_3;
                output += pad->count_3;
                output = fill(output, value, k < pad->count_2 - 1 ? between : pad->after_3 + pad->after_2);
            }
        }
        output = fill(output, value, pad->after_1);
    }
    fill(output, value, pad->after_0);
}
