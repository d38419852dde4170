/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_softmax.h"

TP_DEFINE_SOFTMAX_TABLE(int8_t, 8, INT8_MIN, INT8_MAX)

void tp_softmax_s8_table_c(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, int8_t *output)
{
    tp_softmax_rows(softmax, exponentials, input, output);
}
