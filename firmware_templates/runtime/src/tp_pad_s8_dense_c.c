/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"
#include "tp_runs.h"

TP_NOINLINE int8_t *fill(int8_t *output, uint32_t word, int32_t count)
{
    return tp_fill_run(output, word, count);
}

void tp_pad_s8_dense_c(const tp_pad *pad, const void *source, void *target)
{
    const int8_t *input = source;
    int8_t *output = target;
    const uint32_t value = (uint32_t)pad->value * UINT32_C(0x00010001);
    const int32_t between = pad->after_3 + pad->before_3; /* of two rows */
    output = fill(output, value, pad->before_0);
    for (int32_t i = 0; i < pad->count_0; i++) {
        output = fill(output, value, pad->before_1);
        for (int32_t j = 0; j < pad->count_1; j++) {
            output = fill(output, value, pad->before_2 + pad->before_3);
            for (int32_t k = 0; k < pad->count_2; k++) {
                if (output != input) {
                    tp_copy_run(output, input, pad->count_3);
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
