/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"

void tp_logistic_s16_dense_c(const tp_sigmoid *sigmoid, const uint16_t *table, const int16_t *input, int16_t *output)
{
    const tp_sigmoid local = *sigmoid;
    for (int32_t i = 0; i < local.count; i++) {
        const int32_t x = (input[i] * local.multiplier + local.half) >> local.shift;
        const uint32_t distance = (uint32_t)(x < 0 ? -x : x), place = distance >> 9;
        uint32_t y = UINT32_C(0x7fff) << 10;
        if (place < 255) {
            const uint32_t first = table[place], second = table[place + 1];
            y = (first << 9) + (distance & 0x1ff) * (second - first);
        }
        y = x >= 0 ? y + (1 << 9) : (1 << 25) - y + (1 << 9) - 1;
        output[i] = (int16_t)(y >> 10);
    }
}
