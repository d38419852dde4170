/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

#define SUM_INTEGER_BITS 12

static int32_t exp_of_difference(const tp_softmax *softmax, int32_t difference)
{
    return tp_exp_of_negative(tp_requantize(difference, softmax->input_multiplier, softmax->input_left_shift));
}

static void softmax_row(const tp_softmax *softmax, const int8_t *input, int16_t *output)
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
            probability = tp_rounding_shift_right(tp_doubling_high_mul(scale, exponential), bits_over_unit + 31 - 16);
        }
        output[i] = (int16_t)tp_clamp(probability + INT16_MIN, INT16_MIN, INT16_MAX);
    }
}

void tp_softmax_s8_to_s16_c(const tp_softmax *softmax, const int8_t *input, int16_t *output)
{
    for (int32_t row = 0; row < softmax->rows; row++) {
        softmax_row(softmax, input + row * softmax->depth, output + row * softmax->depth);
    }
}
