/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#define PAIR_WORDS TP_TILE_PIXELS

/* One tap of each of two groups, four times: (b, y0), (b, y1), (b, y2), (b, y3) for a tap b in the low half of x. */
static inline __attribute__((always_inline)) void pair_low(uint32_t x, uint32_t y02, uint32_t y13, uint32_t *pairs)
{
    pairs[0 * PAIR_WORDS] = tp_pkh_low_low(x, y02);
    pairs[1 * PAIR_WORDS] = tp_pkh_low_low(x, y13);
    pairs[2 * PAIR_WORDS] = tp_pkh_low_high(x, y02);
    pairs[3 * PAIR_WORDS] = tp_pkh_low_high(x, y13);
}

/* For a tap t in the high half: (y0, t), (y1, t), (t, y2), (t, y3). */
static inline __attribute__((always_inline)) void pair_high(uint32_t x, uint32_t y02, uint32_t y13, uint32_t *pairs)
{
    pairs[0 * PAIR_WORDS] = tp_pkh_low_high(y02, x);
    pairs[1 * PAIR_WORDS] = tp_pkh_low_high(y13, x);
    pairs[2 * PAIR_WORDS] = tp_pkh_high_high(x, y02);
    pairs[3 * PAIR_WORDS] = tp_pkh_high_high(x, y13);
}

/* One pixel into its column of [groups / 2][16][5]. */
static void expand_pixel(const int8_t *input, int32_t groups, uint32_t *pairs)
{
    const int8_t *const end = input + 4 * groups;
    while (input != end) {
        uint32_t x[2];
        memcpy(x, input, sizeof x);
        const uint32_t x02 = tp_sxtb16(x[0]), x13 = tp_sxtb16_ror8(x[0]);
        const uint32_t y02 = tp_sxtb16(x[1]), y13 = tp_sxtb16_ror8(x[1]);
        pair_low(x02, y02, y13, pairs);
        pair_low(x13, y02, y13, pairs + 4 * PAIR_WORDS);
        pair_high(x02, y02, y13, pairs + 8 * PAIR_WORDS);
        pair_high(x13, y02, y13, pairs + 12 * PAIR_WORDS);
        input += sizeof x;
        pairs += 2 * TP_SP14_GROUP_WORDS;
    }
}

void tp_expand_sp14_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *pairs)
{
    expand_pixel(input, groups, pairs);
    for (int32_t i = 1; i < TP_TILE_PIXELS; i++) {
        expand_pixel(input + pixels[i - 1], groups, pairs + i);
    }
}
