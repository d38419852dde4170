/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define TAPS 9

/* Where the taps of an output pixel lie in the input, channel 0; `padding` for those outside. */
static void locate(const tp_layer *layer, const int8_t *input, int32_t top, int32_t left, const int8_t *padding,
                   const int8_t *taps[TAPS])
{
    for (int32_t i = 0; i < 3; i++) {
        const int32_t row = top + i * layer->dilation_height;
        for (int32_t j = 0; j < 3; j++) {
            const int32_t column = left + j * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            *taps++ = inside ? input + (row * layer->in_width + column) * layer->in_channels : padding;
        }
    }
}

static void depthwise_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *const taps[TAPS], int8_t *output)
{
    const int8_t *const x0 = taps[0], *const x1 = taps[1], *const x2 = taps[2];
    const int8_t *const x3 = taps[3], *const x4 = taps[4], *const x5 = taps[5];
    const int8_t *const x6 = taps[6], *const x7 = taps[7], *const x8 = taps[8];
    for (int32_t c = 0; c < layer->in_channels; c++) {
        int32_t acc = channels->bias + x0[c] * weights[0] + x1[c] * weights[1] + x2[c] * weights[2];
        acc += x3[c] * weights[3] + x4[c] * weights[4] + x5[c] * weights[5];
        acc += x6[c] * weights[6] + x7[c] * weights[7] + x8[c] * weights[8];
        output[c] = tp_output(acc, channels++, layer);
        weights += TAPS;
    }
}

void tp_depthwise_3x3_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                 const int8_t *input, int8_t *output, void *scratch)
{
    memset(scratch, layer->input_zero_point, (size_t)layer->in_channels);
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int8_t *taps[TAPS];
            locate(layer, input, row * layer->stride_height - layer->pad_top,
                   column * layer->stride_width - layer->pad_left, scratch, taps);
            depthwise_pixel(layer, weights, channels, taps, output);
            output += layer->out_channels;
        }
    }
}
