/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

static inline __attribute__((always_inline)) uint32_t load(const int8_t *x)
{
    uint32_t word;
    memcpy(&word, x, sizeof word);
    return word;
}

/* Two pixels' group of four taps into their column of [4][3]. */
static inline __attribute__((always_inline)) void expand_two(uint32_t a, uint32_t b, uint32_t *taps)
{
    const uint32_t a02 = tp_sxtb16(a), b02 = tp_sxtb16(b);
    taps[0] = tp_pkh_low_low(a02, b02);
    taps[6] = tp_pkh_high_high(a02, b02);
    const uint32_t a13 = tp_sxtb16_ror8(a), b13 = tp_sxtb16_ror8(b);
    taps[3] = tp_pkh_low_low(a13, b13);
    taps[9] = tp_pkh_high_high(a13, b13);
}

void tp_expand_taps_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *taps)
{
    const int32_t pixel1 = pixels[0], pixel2 = pixels[1], pixel3 = pixels[2], pixel4 = pixels[3];
    const uint32_t *const end = taps + TP_TAPS_GROUP_WORDS * groups;
    while (taps != end) {
        expand_two(load(input), load(input + pixel1), taps);
        expand_two(load(input + pixel2), load(input + pixel3), taps + 1);
        const uint32_t x = load(input + pixel4), even = tp_sxtb16(x), odd = tp_sxtb16_ror8(x);
        taps[2] = even;
        taps[5] = odd;
        taps[8] = even >> 16;
        taps[11] = odd >> 16;
        input += 4;
        taps += TP_TAPS_GROUP_WORDS;
    }
}
