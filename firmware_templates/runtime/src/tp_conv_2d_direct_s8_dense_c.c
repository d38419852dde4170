/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_direct.h"

static inline tp_two dot(const int8_t *weights, int32_t apart, const int8_t *x, int32_t taps, tp_two acc)
{
    const int8_t *second = weights + apart;
    for (int32_t i = 0; i < taps; i++) {
        acc.first += weights[i] * x[i];
        acc.second += second[i] * x[i];
    }
    return acc;
}

void tp_conv_2d_direct_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                  const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    tp_direct(layer, weights, channels, input, output, dot);
}
