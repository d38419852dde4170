/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"

enum { LARGEST = (1 << 30) - 1 };

TP_INLINE int32_t value(const tp_mul_fast *mul, int32_t a, int32_t b)
{
    const int32_t product = a * b < LARGEST ? a * b : LARGEST;
    const int32_t y = tp_requantize_fast(product, mul->multiplier, mul->right_shift, mul->offset);
    return tp_clamp(y, mul->activation_min, mul->activation_max);
}

void tp_mul_s16_fast_c(const tp_loops *loops, const tp_mul_fast *mul, const int16_t *left, const int16_t *right, int16_t *output)
{
    const tp_mul_fast local = *mul;
#define VALUE(a, b) value(&local, a, b)
#define ROW(a, b, y) TP_ROW_OF_HALFWORDS(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
