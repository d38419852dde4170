/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_loops.h"

TP_NOINLINE void row(const tp_select *op, const int8_t *condition, const int16_t *left, const int16_t *right, int16_t *output)
{
    const int32_t step = op->condition_3, left_step = op->left_3, right_step = op->right_3;
    int32_t rest = op->count_3;
    do {
        const int16_t a = *left, b = *right;
        *output++ = *condition ? a : b;
        condition += step;
        left += left_step;
        right += right_step;
    } while (--rest != 0);
}

void tp_select_s16_dense_c(const tp_select *op, const int8_t *condition, const int16_t *left, const int16_t *right,
                           int16_t *output)
{
    for (int32_t i = 0; i < op->count_0; i++) {
        for (int32_t j = 0; j < op->count_1; j++) {
            const int8_t *which = condition + i * op->condition_0 + j * op->condition_1;
            const int16_t *a = left + i * op->left_0 + j * op->left_1, *b = right + i * op->right_0 + j * op->right_1;
            for (int32_t rows = op->count_2; rows > 0; rows--) {
                row(op, which, a, b, output);
                output += op->count_3;
                which += op->condition_2;
                a += op->left_2;
                b += op->right_2;
            }
        }
    }
}
