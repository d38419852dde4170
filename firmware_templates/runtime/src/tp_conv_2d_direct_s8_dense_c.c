/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* acc + weights[taps] . the zero point, which is what lies outside of the map */
static int32_t outside(const tp_layer *layer, const int8_t *weights, int32_t taps, int32_t acc)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < taps; i++) {
        sum += weights[i];
    }
    return acc + layer->input_zero_point * sum;
}

/* acc + one row of the kernel . the input row below it; neighbouring taps that lie side by side in both are one run */
static int32_t along(const tp_layer *layer, const int8_t *weights, const int8_t *row, int32_t left, int32_t acc)
{
    const int32_t channels = layer->in_channels;
    int32_t tap = 0;
    while (tap < layer->kernel_width) {
        const int32_t column = left + tap * layer->dilation_width;
        int32_t run = 1;
        if (column < 0 || column >= layer->in_width) {
            acc = outside(layer, weights, channels, acc);
        } else {
            if (layer->dilation_width == 1) {
                const int32_t taps_left = layer->kernel_width - tap, columns_left = layer->in_width - column;
                run = taps_left < columns_left ? taps_left : columns_left;
            }
            acc = tp_dot(weights, row + column * channels, run * channels, acc);
        }
        weights += run * channels;
        tap += run;
    }
    return acc;
}

void tp_conv_2d_direct_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                  const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t row_taps = layer->kernel_width * layer->in_channels, pitch = layer->in_width * layer->in_channels;
    (void)scratch;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        const int32_t top = out_row * layer->stride_height - layer->pad_top;
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const int32_t left = out_column * layer->stride_width - layer->pad_left;
            const int8_t *w = weights;
            for (int32_t o = 0; o < layer->out_channels; o++) {
                int32_t acc = channels[o].bias;
                for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
                    const int32_t row = top + tap * layer->dilation_height;
                    acc = row < 0 || row >= layer->in_height ? outside(layer, w, row_taps, acc)
                                                             : along(layer, w, input + row * pitch, left, acc);
                    w += row_taps;
                }
                *output++ = tp_output(acc, &channels[o], layer);
            }
        }
    }
}
