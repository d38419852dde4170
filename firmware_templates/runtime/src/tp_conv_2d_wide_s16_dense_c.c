/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_s16.h"

static int64_t dot(const int8_t *weights, const int16_t *x, int32_t taps, int64_t acc)
{
    for (int32_t i = 0; i < taps; i++) {
        acc += weights[i] * x[i];
    }
    return acc;
}

/* acc + the channel's weights . the input under the kernel, whose first tap is at (top, left) */
static int64_t under(const tp_layer *layer, const int8_t *weights, const int16_t *input, int32_t top, int32_t left,
                     int64_t acc)
{
    for (int32_t i = 0; i < layer->kernel_height; i++) {
        const int32_t row = top + i * layer->dilation_height;
        for (int32_t j = 0; j < layer->kernel_width; j++) {
            const int32_t column = left + j * layer->dilation_width;
            if (row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width) {
                const int16_t *x = input + (row * layer->in_width + column) * layer->in_channels;
                acc = dot(weights, x, layer->in_channels, acc);
            }
            weights += layer->in_channels;
        }
    }
    return acc;
}

void tp_conv_2d_wide_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                                 const int16_t *input, int16_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    (void)scratch;
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int32_t left = column * layer->stride_width - layer->pad_left;
            for (int32_t o = 0; o < layer->out_channels; o++) {
                const int64_t acc = under(layer, weights + o * taps, input, top, left, tp_wide_bias(&channels[o]));
                *output++ = tp_wide_output(acc, &channels[o], layer);
            }
        }
    }
}
