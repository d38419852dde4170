/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* Qm.n has m integer and n fraction bits. */
#define EXP_FRACTION_BITS 26
#define SUM_INTEGER_BITS 12
#define QUARTER (1 << (EXP_FRACTION_BITS - 2))

/* exp(a) for a in [-1/4, 0), both in Q0.31: the Taylor series of fourth order around -1/8. */
static int32_t exp_of_quarter(int32_t a)
{
    const int32_t exp_eighth = 1895147668, third = 715827883; /* exp(-1/8) and 1/3 in Q0.31 */
    const int32_t x = a + (1 << 28);
    const int32_t x2 = tp_doubling_high_mul(x, x);
    const int32_t x3 = tp_doubling_high_mul(x2, x);
    const int32_t x4 = tp_doubling_high_mul(x2, x2);
    const int32_t high_orders = tp_doubling_high_mul(tp_rounding_shift_right(x4, 2) + x3, third);
    return exp_eighth + tp_doubling_high_mul(exp_eighth, x + tp_rounding_shift_right(high_orders + x2, 1));
}

/* exp(a) in Q0.31 of a <= 0 in Q5.26: that of the remainder of a quarter, times exp(-2^k) for each bit of the rest. */
static int32_t exp_of_negative(int32_t a)
{
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t remainder = (a & (QUARTER - 1)) - QUARTER;
    const int32_t rest = remainder - a;
    int32_t result = exp_of_quarter(remainder * 32);
    if (a == 0) {
        return INT32_MAX;
    }
    for (int32_t k = 0; k < 7; k++) {
        if (rest & (QUARTER << k)) {
            result = tp_doubling_high_mul(result, factors[k]);
        }
    }
    return result;
}

static int32_t exp_of_difference(const tp_softmax *softmax, int32_t difference)
{
    return exp_of_negative(tp_requantize(difference, softmax->input_multiplier, softmax->input_left_shift));
}

static void softmax_row(const tp_softmax *softmax, const int8_t *input, int8_t *output)
{
    int32_t most = -128, sum = 0, bits_over_unit;
    for (int32_t i = 0; i < softmax->depth; i++) {
        most = input[i] > most ? input[i] : most;
    }
    for (int32_t i = 0; i < softmax->depth; i++) {
        if (input[i] - most >= softmax->diff_min) {
            sum += tp_rounding_shift_right(exp_of_difference(softmax, input[i] - most), SUM_INTEGER_BITS);
        }
    }
    const int32_t scale = tp_reciprocal(sum, SUM_INTEGER_BITS, &bits_over_unit);
    for (int32_t i = 0; i < softmax->depth; i++) {
        int32_t probability = 0;
        if (input[i] - most >= softmax->diff_min) {
            const int32_t exponential = exp_of_difference(softmax, input[i] - most);
            probability = tp_rounding_shift_right(tp_doubling_high_mul(scale, exponential), bits_over_unit + 31 - 8);
        }
        output[i] = (int8_t)tp_clamp(probability - 128, -128, 127);
    }
}

void tp_softmax_s8_dense_c(const tp_softmax *softmax, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < softmax->rows; row++) {
        softmax_row(softmax, input + row * softmax->depth, output + row * softmax->depth);
    }
}
