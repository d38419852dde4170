/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What a kernel sees of an int16 map at one output pixel, in words of two taps.
 */
#ifndef TP_PATCH_S16_H
#define TP_PATCH_S16_H

#include <stdint.h>
#include <string.h>

#include "tp_kernels_s16.h"
#include "tp_patch.h"

static inline int32_t tp_taps(const tp_layer *layer)
{
    return layer->kernel_height * layer->kernel_width * layer->in_channels;
}

/* Taps, rounded up to a multiple of four. */
static inline int32_t tp_round_up_to_4(int32_t taps)
{
    return (taps + 3) / 4 * 4;
}

/* Whether patches lie in the map itself, ready to be read. */
static inline int tp_is_in_place(const tp_layer *layer)
{
    return layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1 && layer->stride_width == 1
           && layer->out_width == layer->in_width && layer->pad_top == 0 && layer->pad_left == 0
           && layer->in_channels % 4 == 0;
}

/* Where the patch of a pixel is: in the map, or gathered here, zeros behind it up to a multiple of four. */
static inline const int16_t *tp_patch_s16(const tp_layer *layer, const int16_t *input, int32_t pixel, int16_t *patch)
{
    if (tp_is_in_place(layer)) {
        return input + pixel * layer->in_channels;
    }
    tp_layer bytes = *layer; /* the same map, two channels of bytes for each of its own */
    bytes.in_channels *= 2;
    const void *const map = input;
    void *const to = patch;
    tp_gather_patch(&bytes, map, pixel / layer->out_width, pixel % layer->out_width, to);
    for (int32_t tap = tp_taps(layer); tap % 4 != 0; tap++) {
        patch[tap] = 0;
    }
    return patch;
}

#endif
