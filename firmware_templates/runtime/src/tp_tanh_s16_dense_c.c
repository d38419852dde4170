/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"

void tp_tanh_s16_dense_c(const tp_sigmoid *sigmoid, const uint16_t *table, const int16_t *input, int16_t *output)
{
    const int32_t multiplier = sigmoid->multiplier, half = sigmoid->half, shift = sigmoid->shift;
    const int16_t *const end = input + sigmoid->count;
    do {
        const int32_t x = (*input++ * multiplier + half) >> shift;
        const uint32_t distance = (uint32_t)(x < 0 ? -x : x), place = distance >> 8;
        int32_t y = 0x7fff;
        if (place < 255) {
            const int32_t first = table[place], second = table[place + 1];
            y = (((first << 8) + (int32_t)(distance & 0xff) * (second - first) + (1 << 7)) >> 8) - (1 << 15);
        }
        if (x < 0) {
            y = -y; /* (2^7 - 1 - z) >> 8 is -((z + 2^7) >> 8) */
        }
        *output++ = (int16_t)y;
    } while (input != end);
}
