/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* acc + the channel's taps where all of the kernel lies on the input; x and w point to the first tap. */
static int32_t inner_taps(const tp_layer *layer, const int8_t *x, const int8_t *w, int32_t acc)
{
    const int32_t column_step = layer->dilation_width * layer->in_channels;
    const int32_t row_step = layer->dilation_height * layer->in_width * layer->in_channels;
    for (int32_t row = 0; row < layer->kernel_height; row++) {
        const int8_t *tap = x + row * row_step;
        for (int32_t column = 0; column < layer->kernel_width; column++) {
            acc += *tap * *w;
            tap += column_step;
            w += layer->out_channels;
        }
    }
    return acc;
}

/* acc + the channel's taps at the edge; x is the channel in the first pixel of the input. */
static int32_t edge_taps(const tp_layer *layer, const int8_t *x, const int8_t *w, int32_t top, int32_t left,
                         int32_t acc)
{
    for (int32_t i = 0; i < layer->kernel_height; i++) {
        const int32_t row = top + i * layer->dilation_height;
        for (int32_t j = 0; j < layer->kernel_width; j++) {
            const int32_t column = left + j * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            acc += *w * (inside ? x[(row * layer->in_width + column) * layer->in_channels] : layer->input_zero_point);
            w += layer->out_channels;
        }
    }
    return acc;
}

/* All channels of the output pixel whose kernel begins at (top, left) of the input. */
static void depthwise_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int32_t top, int32_t left, int8_t *output)
{
    const int32_t bottom = top + (layer->kernel_height - 1) * layer->dilation_height;
    const int32_t right = left + (layer->kernel_width - 1) * layer->dilation_width;
    const int inside = top >= 0 && left >= 0 && bottom < layer->in_height && right < layer->in_width;
    const int32_t depth_multiplier = layer->out_channels / layer->in_channels;
    for (int32_t c = 0; c < layer->in_channels; c++) {
        for (int32_t i = 0; i < depth_multiplier; i++) {
            const int32_t bias = channels->bias;
            const int32_t acc =
                inside ? inner_taps(layer, input + (top * layer->in_width + left) * layer->in_channels + c, weights, bias)
                       : edge_taps(layer, input + c, weights, top, left, bias);
            *output++ = tp_output(acc, channels++, layer);
            weights++;
        }
    }
}

void tp_depthwise_2d_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int32_t left = column * layer->stride_width - layer->pad_left;
            depthwise_pixel(layer, weights, channels, input, top, left, output);
            output += layer->out_channels;
        }
    }
}
