/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_s16.h"

void tp_clamp_s16_dense_c(const tp_bounds_s16 *bounds, const int16_t *input, int16_t *output)
{
    const int32_t low = bounds->activation_min, high = bounds->activation_max;
    if (bounds->count & 1) {
        *output++ = (int16_t)tp_limit(*input++, low, high);
    }
    for (int32_t rest = bounds->count >> 1; rest > 0; rest--) {
        const int32_t first = input[0], second = input[1];
        input += 2;
        output[0] = (int16_t)tp_limit(first, low, high);
        output[1] = (int16_t)tp_limit(second, low, high);
        output += 2;
    }
}
