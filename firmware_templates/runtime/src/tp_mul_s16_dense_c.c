/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"

TP_INLINE int32_t value(const tp_mul *mul, int32_t a, int32_t b)
{
    return tp_clamp(tp_requantize(a * b, mul->multiplier, mul->shift), mul->activation_min, mul->activation_max);
}

void tp_mul_s16_dense_c(const tp_loops *loops, const tp_mul *mul, const int16_t *left, const int16_t *right, int16_t *output)
{
#define VALUE(a, b) value(mul, a, b)
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
