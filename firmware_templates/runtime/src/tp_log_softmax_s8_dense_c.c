/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_log_softmax.h"

/* The sum of exponentials in Q12.19, computed. */
static int32_t sum_of(const tp_log_softmax *layer, const int8_t *input, int32_t most)
{
    int32_t sum = 0;
    for (const int8_t *const end = input + layer->depth; input != end; input++) {
        if (*input - most >= layer->diff_min) {
            const int32_t exponential = tp_exp_of_negative(tp_log_input(layer, *input - most));
            sum += tp_rounding_shift_right(exponential, TP_SUM_INTEGER_BITS);
        }
    }
    return sum;
}

void tp_log_softmax_s8_dense_c(const tp_log_softmax *layer, const int8_t *input, int8_t *output)
{
    for (int32_t rows = layer->rows; rows > 0; rows--) {
        const int32_t most = tp_largest(input, layer->depth);
        tp_log_outputs(layer, input, output, most, tp_log_of(sum_of(layer, input, most)));
        input += layer->depth;
        output += layer->depth;
    }
}
