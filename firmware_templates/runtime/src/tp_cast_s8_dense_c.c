/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels.h"

/* output[i] = input[i] */
#define WIDEN(FROM, TO)                                         \
    do {                                                        \
        const FROM *x = input, *const end = x + cast->count;    \
        TO *y = output;                                         \
        do {                                                    \
            *y++ = *x++;                                        \
        } while (x != end);                                     \
    } while (0)

void tp_cast_s8_dense_c(const tp_cast *cast, const void *input, void *output)
{
    if (cast->from_bytes == 2) {
        WIDEN(int16_t, int32_t);
    } else if (cast->to_bytes == 2) {
        WIDEN(int8_t, int16_t);
    } else {
        WIDEN(int8_t, int32_t);
    }
}
