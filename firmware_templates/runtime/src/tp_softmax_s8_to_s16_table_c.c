/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"
#include "tp_softmax.h"

TP_DEFINE_SOFTMAX_TABLE(int16_t, 16, INT16_MIN, INT16_MAX)

void tp_softmax_s8_to_s16_table_c(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, int16_t *output)
{
    tp_softmax_rows(softmax, exponentials, input, output);
}
