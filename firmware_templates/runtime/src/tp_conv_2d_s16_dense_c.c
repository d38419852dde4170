/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Two output channels at a time, which share what they read of the map. Products are summed in 32 bits as far as they are
 * sure to fit, in 64 beyond that. */
#include "tp_s16.h"

typedef struct two {
    int64_t first, second;
} two;

/* acc + weights[taps] . x[taps], for both channels; the weights of the second lie `apart` bytes behind. */
static two dot(const int8_t *weights, int32_t apart, const int16_t *x, int32_t taps, two acc)
{
    while (taps > 0) {
        const int8_t *const end = weights + (taps < TP_SURE_TAPS ? taps : TP_SURE_TAPS);
        int32_t first = 0, second = 0;
        taps -= TP_SURE_TAPS;
        for (; weights != end; weights++) {
            first += weights[0] * *x;
            second += weights[apart] * *x++;
        }
        acc.first += first;
        acc.second += second;
    }
    return acc;
}

/* acc + one row of the kernel . the row of the map under it, from column `left` on; taps outside of the map add nothing */
static two along(const tp_layer *layer, const int8_t *weights, int32_t apart, const int16_t *row, int32_t left, two acc)
{
    for (int32_t tap = 0; tap < layer->kernel_width; tap++) {
        const int32_t column = left + tap * layer->dilation_width;
        if (column >= 0 && column < layer->in_width) {
            acc = dot(weights, apart, row + column * layer->in_channels, layer->in_channels, acc);
        }
        weights += layer->in_channels;
    }
    return acc;
}

/* All channels of the pixel whose kernel begins at (top, left) of the map. */
static void pixel(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels, const int16_t *input,
                  int32_t top, int32_t left, int16_t *output)
{
    const int32_t row_taps = layer->kernel_width * layer->in_channels, taps = layer->kernel_height * row_taps;
    for (int32_t o = 0; o < layer->out_channels; o += 2) {
        const int32_t more = o + 1 < layer->out_channels; /* else the second channel is the first one again */
        const int32_t apart = more ? taps : 0;
        two acc = {tp_wide_bias(&channels[o]), tp_wide_bias(&channels[o + more])};
        for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
            const int32_t row = top + tap * layer->dilation_height;
            if (row >= 0 && row < layer->in_height) {
                const int16_t *const start = input + row * layer->in_width * layer->in_channels;
                acc = along(layer, weights + tap * row_taps, apart, start, left, acc);
            }
        }
        output[o] = tp_wide_output(acc.first, &channels[o], layer);
        output[o + more] = tp_wide_output(acc.second, &channels[o + more], layer);
        weights += taps + apart;
    }
}

void tp_conv_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
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
