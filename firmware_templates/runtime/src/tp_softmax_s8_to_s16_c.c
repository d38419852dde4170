/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_softmax.h"

void tp_softmax_s8_to_s16_c(const tp_softmax *softmax, const int8_t *input, int16_t *output, void *scratch)
{
    int32_t *const probabilities = scratch;
    for (int32_t rows = softmax->rows; rows > 0; rows--) {
        tp_probabilities(softmax, input, 16, probabilities);
        input += softmax->depth;
        for (int32_t i = 0; i < softmax->depth; i++) {
            *output++ = (int16_t)tp_clamp(probabilities[i] + INT16_MIN, INT16_MIN, INT16_MAX);
        }
    }
}
