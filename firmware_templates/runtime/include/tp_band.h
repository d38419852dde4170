/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Of a convolution with other kernels than 1x1: rows of its input with their padding, and the taps of one pixel. */
#ifndef TP_BAND_H
#define TP_BAND_H

#include <string.h>

#include "tp_kernels.h"

/* How long the expanded activations of a strip may get, and how many tiles it has at most. */
#define TP_STRIP_BYTES 16384
#define TP_STRIP_TILES 4

/* Whether neighbouring outputs of a row share columns of a pixel's taps, each whole groups of four: then weights are in the order
 * of columns, and a strip of tiles side by side has each of its columns expanded once. */
static inline int tp_shares_columns(const tp_layer *layer)
{
    return layer->dilation_width == 1 && layer->kernel_width > layer->stride_width && layer->in_channels % 4 == 0;
}

/* Tiles of a strip, of which each column takes so many bytes; five_conv.py knows it, too. */
static inline int32_t tp_strip_tiles(const tp_layer *layer, int32_t column_bytes)
{
    const int32_t more = (TP_STRIP_BYTES / column_bytes - layer->kernel_width) / layer->stride_width;
    return more <= 0 ? 1 : more < TP_STRIP_TILES ? more + 1 : TP_STRIP_TILES;
}

/* One row [width][in_channels] of the band, beginning pad_left columns before the input's; all padding outside of its rows. */
static inline void tp_fill_row(const tp_layer *layer, const int8_t *input, int32_t row, int8_t *band, int32_t width)
{
    const int32_t channels = layer->in_channels, left = layer->pad_left < width ? layer->pad_left : width;
    const int32_t inside = layer->in_width < width - left ? layer->in_width : width - left;
    if (row < 0 || row >= layer->in_height) {
        memset(band, layer->input_zero_point, (size_t)(width * channels));
        return;
    }
    memset(band, layer->input_zero_point, (size_t)(left * channels));
    memcpy(band + left * channels, input + row * layer->in_width * channels, (size_t)(inside * channels));
    memset(band + (left + inside) * channels, layer->input_zero_point, (size_t)((width - left - inside) * channels));
}

/* Input rows from `top` on; those that the band had before, `down` rows further up, are there already. */
static inline void tp_fill_band(const tp_layer *layer, const int8_t *input, int32_t top, int8_t *band, int32_t height,
                                int32_t width, int32_t down)
{
    const int32_t row_bytes = width * layer->in_channels, kept = height > down ? height - down : 0;
    memmove(band, band + (height - kept) * row_bytes, (size_t)(kept * row_bytes));
    for (int32_t i = kept; i < height; i++) {
        tp_fill_row(layer, input, top + i, band + i * row_bytes, width);
    }
}

/* The taps of one pixel side by side: those of a row of the kernel already are, without dilation. `band` has its first tap, and
 * row_bytes further that of the kernel's next row. */
static inline void tp_gather(const tp_layer *layer, const int8_t *band, int32_t row_bytes, int8_t *patch)
{
    const int32_t together = layer->dilation_width == 1 ? layer->kernel_width : 1;
    const int32_t bytes = together * layer->in_channels;
    for (int32_t i = 0; i < layer->kernel_height; i++) {
        for (int32_t j = 0; j < layer->kernel_width; j += together) {
            memcpy(patch, band + j * layer->dilation_width * layer->in_channels, (size_t)bytes);
            patch += bytes;
        }
        band += row_bytes;
    }
}

#endif
