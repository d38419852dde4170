/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_s16.h"

/* The products of one row of a channel's kernel with the row of the map under it, from column `left` on: row is the channel
 * in its first pixel. Taps outside of the map add nothing. */
static int32_t along(const tp_layer *layer, const int8_t *weights, const int16_t *row, int32_t left)
{
    int32_t sum = 0;
    for (int32_t tap = 0; tap < layer->kernel_width; tap++) {
        const int32_t column = left + tap * layer->dilation_width;
        if (column >= 0 && column < layer->in_width) {
            sum += *weights * row[column * layer->in_channels];
        }
        weights += layer->out_channels;
    }
    return sum;
}

/* One channel of the pixel whose kernel begins at (top, left); input is the channel in the first pixel of the map. */
static int16_t one(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channel, const int16_t *input,
                   int32_t top, int32_t left)
{
    int64_t acc = tp_wide_bias(channel);
    for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
        const int32_t row = top + tap * layer->dilation_height;
        if (row >= 0 && row < layer->in_height) {
            acc += along(layer, weights, input + row * layer->in_width * layer->in_channels, left);
        }
        weights += layer->kernel_width * layer->out_channels;
    }
    return tp_wide_output(acc, channel, layer);
}

void tp_depthwise_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                                 const int16_t *input, int16_t *output, void *scratch)
{
    const int32_t depth_multiplier = layer->out_channels / layer->in_channels;
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int32_t left = column * layer->stride_width - layer->pad_left;
            for (int32_t o = 0; o < layer->out_channels; o++) {
                *output++ = one(layer, weights + o, &channels[o], input + o / depth_multiplier, top, left);
            }
        }
    }
}
