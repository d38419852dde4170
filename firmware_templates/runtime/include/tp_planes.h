/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Depthwise layers by planes: what tp_depthwise_*_s8_planes_dsp are made of.
 *
 * A band is some rows of four input channels as halfwords, padding included: a word has two neighbouring columns, the left one
 * low, and the words of the four channels lie side by side. Row s is in slot s. Word n of slot s is word_step * n + slot_step * s
 * bytes from the band's beginning.
 *   TP_PLANES_3X3  slots side by side, eight for stride 1, nine for stride 2: all offsets are known when compiling
 *   others         words of a slot side by side */
#ifndef TP_PLANES_H
#define TP_PLANES_H

#include "tp_kernels_dsp.h"

#define TP_PLANES_WORD 16 /* bytes: a word of each of four channels */
#define TP_PLANES_SLOTS_3X3 8
#define TP_PLANES_SLOTS_3X3_STRIDE2 9

/* Some output rows of some output channels, from a band. Assembly knows the places of all but the last three. */
typedef struct tp_planes_rows {
    const char *x; /* the first channel's first word in slot 0; channel_step bytes further is the next channel's */
    const uint32_t *weights;
    int8_t *output;
    int32_t rows, columns, row_step, column_step; /* outputs, and bytes between them */
    int32_t channels, channel_step;
    int32_t kernel_rows, pairs;      /* pairs: words of weights in a kernel row */
    int32_t slot_step, x_row_step;   /* x_row_step: bytes of the band to the next output row */
    int32_t kernel_bytes;            /* of a channel's weights */
    int32_t floor;                   /* whether output_zero_point = -128: then nothing depends on how negative sums round */
    int32_t word_step, column_stride;
    const tp_planes *layer;
} tp_planes_rows;

/* How a band lies, and what takes it: leaves x, weights and output at the next channel, `channels` undefined. */
typedef struct tp_planes_engine {
    void (*run)(tp_planes_rows *job);
    int32_t word_step, slot_step; /* slot_step 0: words * TP_PLANES_WORD */
} tp_planes_engine;

void tp_planes_3x3_dsp(tp_planes_rows *job);
void tp_planes_3x3_stride2_dsp(tp_planes_rows *job);
void tp_planes_any_dsp(tp_planes_rows *job);
void tp_planes_any_stride2_dsp(tp_planes_rows *job);

/* The same in C for all of them, and for channels that round with tp_requantize: those with a shift of 0 in their words. */
void tp_planes_channels(tp_planes_rows *job);

/* Pixels of four channels, or of all if a map has fewer, into a slot. What is beside them is padding already. */
typedef struct tp_planes_pixels {
    const int8_t *input;
    int32_t step, count; /* bytes to the next pixel */
    uint32_t *words;     /* that of the first pixel, which is its upper half with `odd` */
    int32_t word_step, odd;
    uint32_t padding; /* four bytes of the input's zero point */
    int32_t channels; /* of the map */
} tp_planes_pixels;

void tp_expand_planes(const tp_planes_pixels *job);
void tp_expand_planes_dsp(const tp_planes_pixels *job); /* four channels; count is 1 or more */

void tp_depthwise_planes_dsp(const tp_planes_engine *engine, const tp_planes *layer, const uint32_t *weights,
                             const int8_t *input, int8_t *output, void *scratch);

#endif
