/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Where the taps of a 3x3 kernel lie. */
#ifndef TP_TAPS_H
#define TP_TAPS_H

#include "tp_kernels.h"

#define TP_TAPS_3X3 9

/* The taps of an output pixel in the input, channel 0; `padding` for those outside. */
static inline void tp_locate_3x3(const tp_layer *layer, const int8_t *input, int32_t out_row, int32_t out_column,
                                 const int8_t *padding, const int8_t *taps[TP_TAPS_3X3])
{
    const int32_t top = out_row * layer->stride_height - layer->pad_top;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    for (int32_t i = 0; i < 3; i++) {
        const int32_t row = top + i * layer->dilation_height;
        for (int32_t j = 0; j < 3; j++) {
            const int32_t column = left + j * layer->dilation_width;
            const int inside = row >= 0 && row < layer->in_height && column >= 0 && column < layer->in_width;
            *taps++ = inside ? input + (row * layer->in_width + column) * layer->in_channels : padding;
        }
    }
}

#endif
