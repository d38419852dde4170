/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Gathers what a kernel sees of its input at one output pixel.
 */
#ifndef TP_PATCH_H
#define TP_PATCH_H

#include <stdint.h>
#include <string.h>

#include "tp_kernels.h"

/* One row of the kernel: [kernel_width][in_channels], its first tap in column `left` of the input row. */
static inline void tp_gather_row(const tp_layer *layer, const int8_t *row, int32_t left, int8_t *patch)
{
    const size_t channels = (size_t)layer->in_channels;
    int32_t tap = 0;
    while (tap < layer->kernel_width) {
        const int32_t column = left + tap * layer->dilation_width;
        int32_t run = 1; /* neighbouring taps that lie side by side in the input, too */
        if (column < 0 || column >= layer->in_width) {
            memset(patch, layer->input_zero_point, channels);
        } else {
            if (layer->dilation_width == 1) {
                const int32_t taps_left = layer->kernel_width - tap, columns_left = layer->in_width - column;
                run = taps_left < columns_left ? taps_left : columns_left;
            }
            memcpy(patch, row + column * layer->in_channels, (size_t)run * channels);
        }
        patch += run * layer->in_channels;
        tap += run;
    }
}

/* patch[kernel_height][kernel_width][in_channels] for the output pixel (out_row, out_column), padding filled in. */
static inline void tp_gather_patch(const tp_layer *layer, const int8_t *input, int32_t out_row, int32_t out_column,
                                   int8_t *patch)
{
    const int32_t top = out_row * layer->stride_height - layer->pad_top;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    const int32_t row_bytes = layer->kernel_width * layer->in_channels;
    for (int32_t tap = 0; tap < layer->kernel_height; tap++) {
        const int32_t row = top + tap * layer->dilation_height;
        if (row < 0 || row >= layer->in_height) {
            memset(patch, layer->input_zero_point, (size_t)row_bytes);
        } else {
            tp_gather_row(layer, input + row * layer->in_width * layer->in_channels, left, patch);
        }
        patch += row_bytes;
    }
}

/* Whether the patch of each output pixel is the input pixel in its place. */
static inline int tp_is_pointwise(const tp_layer *layer)
{
    return layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1 && layer->stride_width == 1
           && layer->out_height == layer->in_height && layer->out_width == layer->in_width;
}

/* The same for output pixel number `pixel`, counted through all rows: where it is in the input of a pointwise layer, else in
 * `patch`, where it is put. */
static inline const int8_t *tp_patch_of(const tp_layer *layer, const int8_t *input, int32_t pixel, int8_t *patch)
{
    if (tp_is_pointwise(layer)) {
        return input + pixel * layer->in_channels;
    }
    tp_gather_patch(layer, input, pixel / layer->out_width, pixel % layer->out_width, patch);
    return patch;
}

#endif
