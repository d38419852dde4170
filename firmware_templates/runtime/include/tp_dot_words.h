/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * tp_dot, four taps at a time: two multiplications in one instruction on cores that have that.
 */
#ifndef TP_DOT_WORDS_H
#define TP_DOT_WORDS_H

#include <string.h>

#include "tp_dsp.h"

/* acc + weights[taps] . x[taps]; both may begin anywhere. */
static inline int32_t tp_dot_words(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    const int8_t *end = weights + (taps & ~3);
    while (weights != end) {
#if TP_DSP
        uint32_t w, v;
        memcpy(&w, weights, 4);
        memcpy(&v, x, 4);
        acc = tp_smlad(tp_sxtb16(w), tp_sxtb16(v), acc);
        acc = tp_smlad(tp_sxtb16_ror8(w), tp_sxtb16_ror8(v), acc);
#else
        acc += weights[0] * x[0];
        acc += weights[1] * x[1];
        acc += weights[2] * x[2];
        acc += weights[3] * x[3];
#endif
        weights += 4;
        x += 4;
    }
    for (int32_t i = 0; i < (taps & 3); i++) {
        acc += weights[i] * x[i];
    }
    return acc;
}

#endif
