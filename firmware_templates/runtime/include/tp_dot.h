/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Dot products of a channel's weights with a row of activations, in portable C.
 */
#ifndef TP_DOT_H
#define TP_DOT_H

#include <stdint.h>
#include <string.h>

#include "tp_dsp.h"

/* acc + weights[taps] . x[taps] */
static inline int32_t tp_dot(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    for (int32_t i = 0; i < taps; i++) {
        acc += weights[i] * x[i];
    }
    return acc;
}

/* The same, four at a time where the core has instructions for it. */
static inline int32_t tp_dot_words(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
#if TP_DSP
    for (; taps >= 4; taps -= 4) {
        uint32_t a, b;
        memcpy(&a, weights, 4);
        memcpy(&b, x, 4);
        acc = tp_smlad(tp_sxtb16(a), tp_sxtb16(b), acc);
        acc = tp_smlad(tp_sxtb16_ror8(a), tp_sxtb16_ror8(b), acc);
        weights += 4;
        x += 4;
    }
#endif
    return tp_dot(weights, x, taps, acc);
}

/* acc + the 2:4 weights[records][5] . x[8 * records]; the record is described at tp_conv_1x1_s8_sp24_c. */
static inline int32_t tp_dot_sp24(const uint8_t *weights, const int8_t *x, int32_t records, int32_t acc)
{
    for (int32_t i = 0; i < records; i++) {
        const uint32_t positions = weights[4];
        acc += (int8_t)weights[0] * x[positions & 3u];
        acc += (int8_t)weights[1] * x[positions >> 2 & 3u];
        acc += (int8_t)weights[2] * x[4u + (positions >> 4 & 3u)];
        acc += (int8_t)weights[3] * x[4u + (positions >> 6)];
        weights += 5;
        x += 8;
    }
    return acc;
}

#endif
