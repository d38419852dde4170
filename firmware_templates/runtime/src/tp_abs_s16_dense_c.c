/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

void tp_abs_s16_dense_c(const tp_bounds_s16 *bounds, const int16_t *input, int16_t *output)
{
    const tp_bounds_s16 local = *bounds;
    const int16_t *const end = input + local.count;
    do {
        const int32_t x = *input++;
        *output++ = (int16_t)tp_limit(x < 0 ? -x : x, local.activation_min, local.activation_max);
    } while (input != end);
}
