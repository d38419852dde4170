/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_patch.h"

void tp_conv_2d_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                           const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    int8_t *patch = scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int8_t *w = weights;
            tp_gather_patch(layer, input, row, column, patch);
            for (int32_t o = 0; o < layer->out_channels; o++) {
                *output++ = tp_output(tp_dot(w, patch, taps, channels[o].bias), &channels[o], layer);
                w += taps;
            }
        }
    }
}
