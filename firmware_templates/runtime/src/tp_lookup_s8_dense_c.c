/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

void tp_lookup_s8_dense_c(const tp_lookup *lookup, const int8_t *table, const int8_t *input, int8_t *output)
{
    const int32_t count = lookup->count;
    const uint8_t *bytes = (const uint8_t *)table;
    int32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        uint32_t x;
        memcpy(&x, input + i, 4);
        const uint32_t y = (uint32_t)bytes[x & 255] | (uint32_t)bytes[x >> 8 & 255] << 8
                           | (uint32_t)bytes[x >> 16 & 255] << 16 | (uint32_t)bytes[x >> 24] << 24;
        memcpy(output + i, &y, 4);
    }
    for (; i < count; i++) {
        output[i] = table[(uint8_t)input[i]];
    }
}
