/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_quantize.h"

void tp_quantize_s16_to_s8_c(const tp_quantize *quantize, const int16_t *input, int8_t *output)
{
    const tp_quantize local = *quantize;
    TP_QUANTIZE(&local, input, output, int8_t, INT8_MIN, INT8_MAX)
}
