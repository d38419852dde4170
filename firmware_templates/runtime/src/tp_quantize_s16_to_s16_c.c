/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_quantize.h"

void tp_quantize_s16_to_s16_c(const tp_quantize *quantize, const int16_t *input, int16_t *output)
{
    const tp_quantize local = *quantize;
    TP_QUANTIZE(&local, input, output, int16_t, INT16_MIN, INT16_MAX)
}
