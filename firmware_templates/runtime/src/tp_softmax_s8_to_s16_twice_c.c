/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_softmax.h"

void tp_softmax_s8_to_s16_twice_c(const tp_softmax *softmax, const int8_t *input, int16_t *output)
{
    for (int32_t rows = softmax->rows; rows > 0; rows--) {
        const int32_t most = tp_largest(input, softmax->depth);
        const tp_share share = tp_share_of(tp_sum_computed(softmax, input, most), 16);
        for (const int8_t *const end = input + softmax->depth; input != end; input++) {
            const int32_t probability = tp_probability(share, tp_exponential(softmax, *input - most));
            *output++ = (int16_t)tp_clamp(probability + INT16_MIN, INT16_MIN, INT16_MAX);
        }
    }
}
