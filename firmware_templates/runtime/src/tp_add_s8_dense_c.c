/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

enum { LEFT_SHIFT = 20 };

void tp_add_s8_dense_c(const tp_loops *loops, const tp_add *add, const int8_t *left, const int8_t *right, int8_t *output)
{
#define ROW(a, b, y)                                                                                             \
    for (int32_t i = 0; i < loops->count_3; i++) {                                                               \
        const int32_t x0 = ((a)[i * loops->left_3] - add->left_zero_point) * (1 << LEFT_SHIFT);                  \
        const int32_t x1 = ((b)[i * loops->right_3] - add->right_zero_point) * (1 << LEFT_SHIFT);                \
        const int32_t sum = tp_requantize(x0, add->left_multiplier, add->left_shift)                             \
                            + add->right_sign * tp_requantize(x1, add->right_multiplier, add->right_shift);      \
        const int32_t scaled = tp_requantize(sum, add->output_multiplier, add->output_shift);                    \
        (y)[i] = (int8_t)tp_clamp(scaled + add->output_zero_point, add->activation_min, add->activation_max);    \
    }
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
#undef ROW
}
