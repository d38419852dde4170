/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* 1 / sqrt(x), both in Q3.28, x in [1/4, 1): five steps of Newton-Raphson from 1. */
static int32_t newton(int32_t x)
{
    const int32_t half = tp_rounding_shift_right(x, 1), half_three = 3 << 27;
    int32_t root = 1 << 28;
    for (int32_t step = 0; step < 5; step++) {
        const int32_t cube = tp_doubling_high_mul(tp_doubling_high_mul(root, root), root);
        const int32_t rest = tp_doubling_high_mul(half, tp_saturating_shift_left(cube, 6));
        root = tp_saturating_shift_left(tp_doubling_high_mul(half_three, root) - rest, 3);
    }
    return root;
}

/* 1 / sqrt(x) = multiplier * 2^(shift - 31); 0 counts as 1. */
static int32_t inverse_square_root(int32_t x, int32_t *shift)
{
    int32_t right_shift = 11;
    *shift = 0;
    if (x <= 1) {
        return INT32_MAX;
    }
    for (; x >= 1 << 29; x >>= 2) {
        right_shift++;
    }
    const int32_t pairs = (tp_leading_zeros((uint32_t)x) - 1) / 2 - 1;
    right_shift -= pairs;
    const int32_t multiplier = tp_doubling_high_mul(newton((x << (2 * pairs)) >> 1), 1518500250); /* sqrt(1/2) in Q0.31 */
    *shift = right_shift > 0 ? -right_shift : 0;
    return right_shift < 0 ? (int32_t)((uint32_t)multiplier << -right_shift) : multiplier;
}

void tp_l2_normalization_s8_dense_c(const tp_l2_normalization *layer, const int8_t *input, int8_t *output)
{
    const int32_t depth = layer->depth, zero_point = layer->input_zero_point;
    for (int32_t row = 0; row < layer->rows; row++) {
        int32_t sum = 0, shift;
        for (int32_t i = 0; i < depth; i++) {
            sum += (input[i] - zero_point) * (input[i] - zero_point);
        }
        const int32_t multiplier = inverse_square_root(sum, &shift);
        for (int32_t i = 0; i < depth; i++) {
            output[i] = (int8_t)tp_clamp(tp_requantize(input[i] - zero_point, multiplier, shift + 7), INT8_MIN, INT8_MAX);
        }
        input += depth;
        output += depth;
    }
}
