/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Activations as pairs of halfwords, the first low: what a pair of weights meets. */
#ifndef TP_PAIRS_H
#define TP_PAIRS_H

#include <string.h>

#include "tp_dsp.h"

/* A group of four activations of one pixel to its six pairs, 01 02 03 12 13 23, `step` words apart. */
static inline void tp_expand_group(const int8_t *input, uint32_t *pairs, int32_t step)
{
    uint32_t x;
    memcpy(&x, input, sizeof x);
    const uint32_t even = tp_sxtb16(x), odd = tp_sxtb16_ror8(x); /* (x0, x2), (x1, x3) */
    pairs[0 * step] = tp_pkh_low_low(even, odd);
    pairs[1 * step] = even;
    pairs[2 * step] = tp_pkh_low_high(even, odd);
    pairs[3 * step] = tp_pkh_low_high(odd, even);
    pairs[4 * step] = odd;
    pairs[5 * step] = tp_pkh_high_high(even, odd);
}

#endif
