/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

enum { LEFT_SHIFT = 20 };

TP_INLINE int32_t value(const tp_add *add, int32_t a, int32_t b)
{
    const int32_t x0 = (a - add->left_zero_point) * (1 << LEFT_SHIFT), x1 = (b - add->right_zero_point) * (1 << LEFT_SHIFT);
    const int32_t sum = tp_requantize(x0, add->left_multiplier, add->left_shift)
                        + add->right_sign * tp_requantize(x1, add->right_multiplier, add->right_shift);
    const int32_t scaled = tp_requantize(sum, add->output_multiplier, add->output_shift);
    return tp_clamp(scaled + add->output_zero_point, add->activation_min, add->activation_max);
}

void tp_add_s8_dense_c(const tp_loops *loops, const tp_add *add, const int8_t *left, const int8_t *right, int8_t *output)
{
#define VALUE(a, b) value(add, a, b)
#define ROW(a, b, y) TP_ROW_OF_VALUES(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
