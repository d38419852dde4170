/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_loops.h"

/* Four values at a time: by words where those may lie anywhere, else by bytes. */
TP_INLINE void look_up(const uint8_t *table, const int8_t *x, int8_t *y)
{
#if defined(__ARM_ARCH_6M__)
    const uint8_t *const at = (const uint8_t *)x;
    const uint8_t a = table[at[0]], b = table[at[1]], c = table[at[2]], d = table[at[3]];
    y[0] = (int8_t)a;
    y[1] = (int8_t)b;
    y[2] = (int8_t)c;
    y[3] = (int8_t)d;
#else
    const uint32_t four = tp_load4(x);
    const uint32_t first = four & 255, second = four >> 8 & 255, third = four >> 16 & 255, fourth = four >> 24;
    const uint32_t a = table[first], b = table[second], c = table[third], d = table[fourth];
    tp_store4(y, a | b << 8 | c << 16 | d << 24);
#endif
}

void tp_lookup_s8_dense_c(const tp_lookup *lookup, const int8_t *table, const int8_t *input, int8_t *output)
{
    const uint8_t *bytes = (const uint8_t *)table;
    for (int32_t turns = lookup->count >> 3; turns > 0; turns--) {
        look_up(bytes, input, output);
        look_up(bytes, input + 4, output + 4);
        input += 8;
        output += 8;
    }
    for (int32_t rest = lookup->count & 7; rest > 0; rest--) {
        *output++ = table[(uint8_t)*input++];
    }
}
