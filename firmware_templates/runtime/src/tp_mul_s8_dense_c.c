/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

TP_INLINE int32_t value(const tp_mul *mul, int32_t a, int32_t b)
{
    const int32_t product = (a - mul->left_zero_point) * (b - mul->right_zero_point);
    const int32_t scaled = tp_requantize(product, mul->multiplier, mul->shift);
    return tp_clamp(scaled + mul->output_zero_point, mul->activation_min, mul->activation_max);
}

void tp_mul_s8_dense_c(const tp_loops *loops, const tp_mul *mul, const int8_t *left, const int8_t *right, int8_t *output)
{
#define VALUE(a, b) value(mul, a, b)
#define ROW(a, b, y) TP_ROW_OF_VALUES(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
