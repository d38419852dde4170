/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_s16.h"

void tp_tanh_s16_dense_c(const tp_sigmoid *sigmoid, const uint16_t *table, const int16_t *input, int16_t *output)
{
    const tp_sigmoid local = *sigmoid;
    for (int32_t i = 0; i < local.count; i++) {
        const int32_t x = (input[i] * local.multiplier + local.half) >> local.shift;
        const uint32_t distance = (uint32_t)(x < 0 ? -x : x), place = distance >> 8;
        int32_t y = 0xffff << 8;
        if (place < 255) {
            const uint32_t first = table[place], second = table[place + 1];
            y = (int32_t)((first << 8) + (distance & 0xff) * (second - first));
        }
        y -= 1 << 23;
        output[i] = (int16_t)((x >= 0 ? y + (1 << 7) : (1 << 7) - 1 - y) >> 8);
    }
}
