/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

static inline __attribute__((always_inline)) void expand_group(const int8_t *input, uint32_t *pairs)
{
    uint32_t x;
    memcpy(&x, input, sizeof x);
    const uint32_t even = tp_sxtb16(x), odd = tp_sxtb16_ror8(x); /* (x0, x2), (x1, x3) */
    pairs[0 * TP_TILE_PIXELS] = tp_pkh_low_low(even, odd);
    pairs[1 * TP_TILE_PIXELS] = even;
    pairs[2 * TP_TILE_PIXELS] = tp_pkh_low_high(even, odd);
    pairs[3 * TP_TILE_PIXELS] = tp_pkh_low_high(odd, even);
    pairs[4 * TP_TILE_PIXELS] = odd;
    pairs[5 * TP_TILE_PIXELS] = tp_pkh_high_high(even, odd);
}

void tp_expand_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *pairs)
{
    const int32_t pixel1 = pixels[0], pixel2 = pixels[1], pixel3 = pixels[2], pixel4 = pixels[3];
    const uint32_t *const end = pairs + TP_GROUP_WORDS * groups;
    while (pairs != end) {
        expand_group(input, pairs);
        expand_group(input + pixel1, pairs + 1);
        expand_group(input + pixel2, pairs + 2);
        expand_group(input + pixel3, pairs + 3);
        expand_group(input + pixel4, pairs + 4);
        input += 4;
        pairs += TP_GROUP_WORDS;
    }
}
