/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Where the taps of a depthwise kernel lie. */
#ifndef TP_TAPS_H
#define TP_TAPS_H

#include "tp_kernels.h"

/* The taps of an output pixel in the input, channel 0, row by row; `padding` for those outside. Behind the last one. */
static inline const int8_t **tp_locate_taps(const tp_layer *layer, const int8_t *input, int32_t out_row, int32_t out_column,
                                            const int8_t *padding, const int8_t **taps)
{
    const int32_t right = layer->dilation_width, step = right * layer->in_channels, last = layer->kernel_width;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    int32_t row = out_row * layer->stride_height - layer->pad_top;
    for (int32_t i = 0; i < layer->kernel_height; i++) {
        const uint32_t width = row >= 0 && row < layer->in_height ? (uint32_t)layer->in_width : 0;
        int32_t column = left, at = (row * layer->in_width + left) * layer->in_channels;
        for (int32_t j = 0; j < last; j++) {
            *taps++ = (uint32_t)column < width ? input + at : padding;
            column += right;
            at += step;
        }
        row += layer->dilation_height;
    }
    return taps;
}

#endif
