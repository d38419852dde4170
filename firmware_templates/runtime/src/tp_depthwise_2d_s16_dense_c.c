/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_s16.h"

/* The products of a channel's kernel, of `rows` rows of `columns` taps, with what is under it, whose first value is *x. */
TP_NOINLINE int32_t products(const tp_layer *layer, const int8_t *weights, const int16_t *x, int32_t rows, int32_t columns)
{
    const int32_t step = layer->dilation_width * layer->in_channels, weights_step = layer->out_channels;
    const int32_t row_step = layer->dilation_height * layer->in_width * layer->in_channels - columns * step;
    const int32_t weights_row_step = (layer->kernel_width - columns) * weights_step;
    int32_t sum = 0;
    for (; rows > 0; rows--) {
        int32_t left = columns;
        do {
            sum += *weights * *x;
            weights += weights_step;
            x += step;
        } while (--left != 0);
        weights += weights_row_step;
        x += row_step;
    }
    return sum;
}

/* All channels of the pixel whose kernel begins at (top, left). */
static void pixel(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels, const int16_t *input, int32_t top,
                  int32_t left, int16_t *output)
{
    const tp_span rows = tp_span_of(top, layer->kernel_height, layer->dilation_height, layer->in_height);
    const tp_span columns = tp_span_of(left, layer->kernel_width, layer->dilation_width, layer->in_width);
    const int32_t row = top + rows.first * layer->dilation_height, column = left + columns.first * layer->dilation_width;
    const int32_t count = columns.end > columns.first ? rows.end - rows.first : 0;
    const int32_t depth_multiplier = layer->out_channels / layer->in_channels;
    const int16_t *x = input + (row * layer->in_width + column) * layer->in_channels;
    weights += (rows.first * layer->kernel_width + columns.first) * layer->out_channels;
    for (int32_t o = 0; o < layer->out_channels; o++) {
        const int32_t sum = products(layer, weights + o, x + o / depth_multiplier, count, columns.end - columns.first);
        output[o] = tp_wide_output(tp_wide_bias(&channels[o]) + sum, &channels[o], layer);
    }
}

void tp_depthwise_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                                 const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            pixel(layer, weights, channels, input, top, column * layer->stride_width - layer->pad_left, output);
            output += layer->out_channels;
        }
    }
}
