/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_quantize.h"

void tp_quantize_s16_to_s32_c(const tp_quantize *quantize, const int16_t *input, int32_t *output)
{
    const tp_quantize local = *quantize;
    TP_QUANTIZE(&local, input, output, int32_t, INT32_MIN, INT32_MAX)
}
