/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"

#if defined(__GNUC__)
#define ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define ALWAYS_INLINE static inline
#endif

ALWAYS_INLINE uint32_t four(const uint8_t *table, uint32_t x)
{
    const uint32_t first = x & 255, second = x >> 8 & 255, third = x >> 16 & 255, fourth = x >> 24;
    const uint32_t a = table[first], b = table[second], c = table[third], d = table[fourth];
    return a | b << 8 | c << 16 | d << 24;
}

void tp_lookup_s8_dense_c(const tp_lookup *lookup, const int8_t *table, const int8_t *input, int8_t *output)
{
    const int32_t count = lookup->count;
    const uint8_t *bytes = (const uint8_t *)table;
    for (int32_t turns = count >> 3; turns > 0; turns--) {
        uint32_t x, y;
        memcpy(&x, input, 4);
        memcpy(&y, input + 4, 4);
        x = four(bytes, x);
        y = four(bytes, y);
        memcpy(output, &x, 4);
        memcpy(output + 4, &y, 4);
        input += 8;
        output += 8;
    }
    for (int32_t i = 0; i < (count & 7); i++) {
        output[i] = table[(uint8_t)input[i]];
    }
}
