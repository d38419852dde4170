/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

void tp_slopes_s16_dense_c(const tp_slopes *slopes, const int16_t *input, int16_t *output)
{
    const tp_slopes local = *slopes;
    const int16_t *const end = input + local.count;
    do {
        const int32_t x = *input++;
        int32_t y;
        if (x >= 0) {
            y = tp_requantize_narrow(x, local.multiplier, local.shift);
        } else {
            y = local.behind * tp_requantize_narrow(x * local.negative, local.negative_multiplier, local.negative_shift);
        }
        *output++ = (int16_t)tp_limit(y, local.activation_min, local.activation_max);
    } while (input != end);
}
