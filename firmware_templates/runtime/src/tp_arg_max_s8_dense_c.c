/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

/* The next value, behind which `rest` are left. */
#define LOOK(rest)                                                                                                                 \
    do {                                                                                                                           \
        x += stride;                                                                                                               \
        const int32_t value = *x ^ flip;                                                                                           \
        if (value > largest) {                                                                                                     \
            largest = value;                                                                                                       \
            found = (rest);                                                                                                        \
        }                                                                                                                          \
    } while (0)

/* Of `count` values, each `stride` bytes behind the one before. */
static int32_t index_of_largest(const int8_t *x, int32_t count, int32_t stride, int32_t flip)
{
    int32_t largest = *x ^ flip, left = count - 1, found = left;
    for (; left >= 4; left -= 4) {
        LOOK(left - 1);
        LOOK(left - 2);
        LOOK(left - 3);
        LOOK(left - 4);
    }
    for (; left > 0; left--) {
        LOOK(left - 1);
    }
    return count - 1 - found;
}

void tp_arg_max_s8_dense_c(const tp_arg_max *arg_max, const int8_t *input, int32_t *output)
{
    const int32_t along = arg_max->along, behind = arg_max->behind;
    if (along == 1) {
        memset(output, 0, (size_t)(arg_max->before * behind) * sizeof(*output));
        return;
    }
    for (int32_t i = 0; i < arg_max->before; i++) {
        for (int32_t j = 0; j < behind; j++) {
            *output++ = index_of_largest(input + j, along, behind, arg_max->flip);
        }
        input += along * behind;
    }
}
