/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_softmax.h"

void tp_softmax_s8_dense_c(const tp_softmax *softmax, const int8_t *input, int8_t *output, void *scratch)
{
    int32_t *const probabilities = scratch;
    for (int32_t rows = softmax->rows; rows > 0; rows--) {
        tp_probabilities(softmax, input, 8, probabilities);
        input += softmax->depth;
        for (int32_t i = 0; i < softmax->depth; i++) {
            *output++ = (int8_t)tp_clamp(probabilities[i] + INT8_MIN, INT8_MIN, INT8_MAX);
        }
    }
}
