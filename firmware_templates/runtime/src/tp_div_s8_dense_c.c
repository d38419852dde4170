/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

/* A divisor: its sign, and 1 / |it| = reciprocal / 2^(31 + bits). */
typedef struct divisor {
    int32_t value, sign, reciprocal, bits;
} divisor;

TP_INLINE int32_t value(const tp_div *div, divisor *by, int32_t a, int32_t b)
{
    if (b != by->value) {
        const int32_t difference = b - div->right_zero_point;
        by->value = b;
        by->sign = difference < 0 ? -1 : 1;
        by->reciprocal = tp_reciprocal(difference * by->sign, 31, &by->bits);
    }
    const int32_t x = (a - div->left_zero_point) * by->sign;
    const int32_t headroom = tp_leading_zeros((uint32_t)(x ^ (x >> 31)) << 1 | 1); /* bits by which x can be shifted to the left */
    const int32_t quotient = tp_doubling_high_mul((int32_t)((uint32_t)x << headroom), by->reciprocal);
    const int32_t scaled = tp_doubling_high_mul(quotient, div->multiplier);
    const int32_t rounded = tp_rounding_shift_right(scaled, by->bits + headroom - div->shift);
    return tp_clamp(rounded + div->output_zero_point, div->activation_min, div->activation_max);
}

void tp_div_s8_dense_c(const tp_loops *loops, const tp_div *div, const int8_t *left, const int8_t *right, int8_t *output)
{
    divisor by = {INT32_MIN, 1, 0, 0}; /* of none */
#define VALUE(a, b) value(div, &by, a, b)
#define ROW(a, b, y) TP_ROW_OF_VALUES(loops, a, b, y, VALUE)
    TP_FOR_EACH_ROW(loops, left, right, output, ROW)
}
