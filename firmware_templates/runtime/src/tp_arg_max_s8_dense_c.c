/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"

/* Of `count` values, each `stride` bytes behind the one before. */
static int32_t index_of_largest(const int8_t *x, int32_t count, int32_t stride, int32_t flip)
{
    int32_t largest = *x ^ flip, found = count; /* how many values are left where it stands */
    for (int32_t left = count - 1; left > 0; left--) {
        x += stride;
        const int32_t value = *x ^ flip;
        if (value > largest) {
            largest = value;
            found = left;
        }
    }
    return count - found;
}

void tp_arg_max_s8_dense_c(const tp_arg_max *arg_max, const int8_t *input, int32_t *output)
{
    const int32_t along = arg_max->along, behind = arg_max->behind;
    for (int32_t i = 0; i < arg_max->before; i++) {
        for (int32_t j = 0; j < behind; j++) {
            *output++ = index_of_largest(input + j, along, behind, arg_max->flip);
        }
        input += along * behind;
    }
}
