/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four taps at a time. Words are loaded from any address: Cortex-M cores with DSP instructions allow that. */
#include <string.h>

#include "tp_direct.h"
#include "tp_dsp.h"

static inline uint32_t word(const int8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline tp_two dot(const int8_t *weights, int32_t apart, const int8_t *x, int32_t taps, tp_two acc)
{
    const int8_t *second = weights + apart, *end = weights + (taps & ~3);
    while (weights < end) {
        const uint32_t inputs = word(x), one = word(weights), other = word(second);
        const uint32_t even = tp_sxtb16(inputs), odd = tp_sxtb16_ror8(inputs);
        acc.first = tp_smlad(tp_sxtb16(one), even, acc.first);
        acc.second = tp_smlad(tp_sxtb16(other), even, acc.second);
        acc.first = tp_smlad(tp_sxtb16_ror8(one), odd, acc.first);
        acc.second = tp_smlad(tp_sxtb16_ror8(other), odd, acc.second);
        weights += 4, second += 4, x += 4;
    }
    for (int32_t i = 0; i < (taps & 3); i++) {
        acc.first += weights[i] * x[i];
        acc.second += second[i] * x[i];
    }
    return acc;
}

void tp_conv_2d_direct_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                    const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    tp_direct(layer, weights, channels, input, output, dot);
}
