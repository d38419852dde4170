/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_log_softmax.h"

void tp_log_softmax_s8_table_c(const tp_log_softmax *layer, const int32_t *exponentials, const int8_t *input, int8_t *output)
{
    const int32_t depth = layer->depth;
    for (int32_t rows = layer->rows; rows > 0; rows--) {
        const int32_t most = tp_largest(input, depth), sum = tp_sum_of_exponentials(input, depth, most, exponentials);
        tp_log_outputs(layer, input, output, most, tp_log_of(sum));
        input += depth;
        output += depth;
    }
}
