/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_softmax.h"

static void softmax_row(const tp_softmax *softmax, const int8_t *input, int8_t *output)
{
#define PUT(place, probability) output[place] = (int8_t)tp_clamp(probability - 128, -128, 127)
    TP_SOFTMAX_ROW(softmax, input, 8, PUT)
}

void tp_softmax_s8_dense_c(const tp_softmax *softmax, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < softmax->rows; row++) {
        softmax_row(softmax, input + row * softmax->depth, output + row * softmax->depth);
    }
}
