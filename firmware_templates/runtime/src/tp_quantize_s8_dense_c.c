/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"

void tp_quantize_s8_dense_c(const tp_quantize *quantize, const int8_t *input, int8_t *output)
{
    for (int32_t i = 0; i < quantize->count; i++) {
        const int32_t difference = input[i] - quantize->input_zero_point;
        const int32_t scaled = tp_requantize(difference, quantize->multiplier, quantize->shift);
        output[i] = (int8_t)tp_clamp(scaled + quantize->output_zero_point, INT8_MIN, INT8_MAX);
    }
}
