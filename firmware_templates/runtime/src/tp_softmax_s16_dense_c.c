/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

/* A table of 512 steps and the value behind the last one, interpolated. */
static int32_t looked_up(const int16_t *table, int32_t x)
{
    const int16_t *at = table + 256 + (x >> 7);
    return at[0] + (((at[1] - at[0]) * (x & 0x7f) + 64) >> 7);
}

static void softmax_row(const tp_softmax *softmax, const int16_t *exponentials, const int16_t *inverses, const int16_t *input,
                        int16_t *output)
{
    int32_t most = INT16_MIN, sum = 0; /* Q16.15 */
    for (int32_t i = 0; i < softmax->depth; i++) {
        most = input[i] > most ? input[i] : most;
    }
    for (int32_t i = 0; i < softmax->depth; i++) {
        const int32_t x = tp_requantize(input[i] - most, softmax->input_multiplier, softmax->input_left_shift);
        output[i] = (int16_t)looked_up(exponentials, tp_clamp(x, INT16_MIN - INT16_MAX, 0) + INT16_MAX);
        sum += output[i];
    }
    const int32_t zeros = tp_leading_zeros((uint32_t)sum);
    const int32_t above_one = (int32_t)((((uint32_t)sum << (zeros - 1)) + (1 << 13)) >> 14) - ((1 << 15) + (1 << 16));
    const int32_t inverse = looked_up(inverses, tp_clamp(above_one, INT16_MIN, INT16_MAX));
    const int32_t shift = 31 - zeros;
    for (int32_t i = 0; i < softmax->depth; i++) {
        output[i] = (int16_t)tp_clamp((output[i] * inverse + (1 << (shift - 1))) >> shift, 0, INT16_MAX);
    }
}

void tp_softmax_s16_dense_c(const tp_softmax *softmax, const int16_t *exponentials, const int16_t *inverses, const int16_t *input,
                            int16_t *output)
{
    for (int32_t row = 0; row < softmax->rows; row++) {
        softmax_row(softmax, exponentials, inverses, input, output);
        input += softmax->depth;
        output += softmax->depth;
    }
}
