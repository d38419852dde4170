/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_log_softmax.h"

void tp_log_softmax_s8_table_c(const tp_log_softmax *layer, const int32_t *exponentials, const int8_t *input, int8_t *output)
{
    for (int32_t row = 0; row < layer->rows; row++) {
        tp_log_softmax_row(layer, exponentials, input + row * layer->depth, output + row * layer->depth);
    }
}
