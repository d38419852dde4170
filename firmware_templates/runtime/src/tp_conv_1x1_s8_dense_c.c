/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_pixel.h"
#include "tp_kernels.h"

void tp_conv_1x1_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t pixels = layer->out_height * layer->out_width; pixels > 0; pixels--) {
        tp_put_pixel(layer, weights, channels, input, layer->in_channels, output);
        input += layer->in_channels;
        output += layer->out_channels;
    }
}
