/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_pixel.h"
#include "tp_kernels.h"
#include "tp_patch.h"

void tp_conv_2d_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                           const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            tp_gather_patch(layer, input, row, column, scratch);
            tp_put_pixel(layer, weights, channels, scratch, taps, output);
            output += layer->out_channels;
        }
    }
}
