/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

void tp_slopes_s16_dense_c(const tp_slopes *slopes, const int16_t *input, int16_t *output)
{
    const tp_slopes local = *slopes;
    for (int32_t i = 0; i < local.count; i++) {
        const int32_t x = input[i];
        const int32_t y = x >= 0 ? tp_requantize(x, local.multiplier, local.shift)
                                 : local.behind * tp_requantize(x * local.negative, local.negative_multiplier, local.negative_shift);
        output[i] = (int16_t)tp_clamp(y, local.activation_min, local.activation_max);
    }
}
