/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
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

static int32_t sum_of_squares(const int8_t *input, int32_t depth, int32_t zero_point)
{
    int32_t sum = 0;
    for (const int8_t *end = input + depth; input != end; input++) {
        sum += (*input - zero_point) * (*input - zero_point);
    }
    return sum;
}

/* (x - zero_point) * multiplier * 2^(shift - 31), x of int8. Differences are so small that tp_smmulr of their double is
 * tp_doubling_high_mul, and that a shift to the left can come first (fixed_point.py: fast_rounding_is_exact). */
static void scale_row(const int8_t *input, int8_t *output, int32_t depth, int32_t zero_point, int32_t multiplier, int32_t shift)
{
    const int32_t left = shift > 0 ? shift + 1 : 1, right = shift < 0 ? -shift : 0;
    const int32_t half = right > 0 ? 1 << (right - 1) : 0, away_from_zero = right > 0 ? -1 : 0;
    for (const int8_t *end = input + depth; input != end; input++) {
        int32_t x = tp_smmulr((*input - zero_point) * (1 << left), multiplier);
        x += x >> 31 & away_from_zero;
        *output++ = (int8_t)tp_ssat8((x + half) >> right);
    }
}

void tp_l2_normalization_s8_dense_c(const tp_l2_normalization *layer, const int8_t *input, int8_t *output)
{
    const int32_t depth = layer->depth, zero_point = layer->input_zero_point;
    for (int32_t rows = layer->rows; rows > 0; rows--) {
        int32_t shift;
        const int32_t multiplier = inverse_square_root(sum_of_squares(input, depth, zero_point), &shift);
        scale_row(input, output, depth, zero_point, multiplier, shift + 7);
        input += depth;
        output += depth;
    }
}
