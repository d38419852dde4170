/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_direct.h"
#include "tp_dot_two.h"

void tp_conv_2d_direct_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                    const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    tp_direct(layer, weights, channels, input, output, tp_dot_two);
}
