/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Dense convolutions without scratch: what the kernel covers of each input row is multiplied in place, for two output
 * channels at a time.
 */
#ifndef TP_DIRECT_H
#define TP_DIRECT_H

#include <stdint.h>

#include "tp_dot_two.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

/* acc + weights[taps] . x[taps], for both; the weights of the second channel lie `apart` bytes behind. With 0 there is none. */
typedef tp_two tp_dot_of_two(const int8_t *weights, int32_t apart, const int8_t *x, int32_t taps, tp_two acc);

/* acc + weights[taps] . the zero point, which is what lies outside of the map */
static inline tp_two tp_outside(const tp_layer *layer, const int8_t *weights, int32_t apart, int32_t taps, tp_two acc)
{
    int32_t first = 0, second = 0;
    for (int32_t i = 0; i < taps; i++) {
        first += weights[i];
        second += weights[apart + i];
    }
    acc.first += layer->input_zero_point * first;
    acc.second += layer->input_zero_point * second;
    return acc;
}

/* acc + one row of the kernel . the input row under it; neighbouring taps that lie side by side in both are one run */
static inline tp_two tp_along(const tp_layer *layer, const int8_t *weights, int32_t apart, const int8_t *row, int32_t left,
                              tp_two acc, tp_dot_of_two *dot)
{
    const int32_t channels = layer->in_channels;
    int32_t tap = 0;
    while (tap < layer->kernel_width) {
        const int32_t column = left + tap * layer->dilation_width;
        int32_t run = 1;
        if (column < 0 || column >= layer->in_width) {
            acc = tp_outside(layer, weights, apart, channels, acc);
        } else {
            if (layer->dilation_width == 1) {
                const int32_t taps_left = layer->kernel_width - tap, columns_left = layer->in_width - column;
                run = taps_left < columns_left ? taps_left : columns_left;
            }
            acc = dot(weights, apart, row + column * channels, run * channels, acc);
        }
        weights += run * channels;
        tap += run;
    }
    return acc;
}

/* One pixel: `output[out_channels]`. */
static inline void tp_direct_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                   const int8_t *input, int32_t top, int32_t left, int8_t *output, tp_dot_of_two *dot)
{
    const int32_t row_taps = layer->kernel_width * layer->in_channels, taps = layer->kernel_height * row_taps;
    const int side_by_side = layer->dilation_width == 1 || layer->kernel_width == 1;
    const int one_run = side_by_side && left >= 0 && left + layer->kernel_width <= layer->in_width;
    for (int32_t o = 0; o < layer->out_channels; o += 2) {
        const int32_t more = o + 1 < layer->out_channels; /* else there is no second channel */
        const int32_t apart = more ? taps : 0;
        tp_two acc = {channels[o].bias, channels[o + more].bias};
        for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
            const int32_t row = top + tap * layer->dilation_height;
            const int8_t *const w = weights + tap * row_taps, *const x = input + row * layer->in_width * layer->in_channels;
            if (row < 0 || row >= layer->in_height) {
                acc = tp_outside(layer, w, apart, row_taps, acc);
            } else if (one_run) {
                acc = dot(w, apart, x + left * layer->in_channels, row_taps, acc);
            } else {
                acc = tp_along(layer, w, apart, x, left, acc, dot);
            }
        }
        output[o] = tp_output(acc.first, &channels[o], layer);
        if (more) {
            output[o + 1] = tp_output(acc.second, &channels[o + 1], layer);
        }
        weights += taps + apart;
    }
}

static inline void tp_direct(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                             const int8_t *input, int8_t *output, tp_dot_of_two *dot)
{
    for (int32_t row = 0; row < layer->out_height; row++) {
        const int32_t top = row * layer->stride_height - layer->pad_top;
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int32_t left = column * layer->stride_width - layer->pad_left;
            tp_direct_pixel(layer, weights, channels, input, top, left, output, dot);
            output += layer->out_channels;
        }
    }
}

#endif
