/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

void tp_conv_1x1_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t pixels = layer->out_height * layer->out_width, taps = layer->in_channels;
    (void)scratch;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        const int8_t *w = weights;
        for (int32_t o = 0; o < layer->out_channels; o++) {
            *output++ = tp_output(tp_dot(w, input, taps, channels[o].bias), &channels[o], layer);
            w += taps;
        }
        input += taps;
    }
}
