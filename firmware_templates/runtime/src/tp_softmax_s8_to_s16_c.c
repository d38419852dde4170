/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_softmax.h"

static void softmax_row(const tp_softmax *softmax, const int8_t *input, int16_t *output)
{
#define PUT(place, probability) output[place] = (int16_t)tp_clamp(probability + INT16_MIN, INT16_MIN, INT16_MAX)
    TP_SOFTMAX_ROW(softmax, input, 16, PUT)
}

void tp_softmax_s8_to_s16_c(const tp_softmax *softmax, const int8_t *input, int16_t *output)
{
    for (int32_t row = 0; row < softmax->rows; row++) {
        softmax_row(softmax, input + row * softmax->depth, output + row * softmax->depth);
    }
}
