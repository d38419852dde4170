/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Convolutions of few taps, pixel by pixel with one channel's weights in registers: what tp_conv_2d_s8_few_dsp and
 * tp_conv_2d_s8_few_pairs_dsp are made of. */
#ifndef TP_FEW_H
#define TP_FEW_H

#include "tp_kernels_dsp.h"

/* Words of a pixel: its taps in pairs of halfwords, eight of them or nine, or the six pairs of each of two groups of four. */
#define TP_EIGHT_WORDS 4
#define TP_NINE_WORDS 5
#define TP_ALL_PAIRS_WORDS 12

/* Pixels side by side: expanded, and all output channels of them. */
typedef struct tp_few {
    const uint32_t *weights; /* as tp_kernels_dsp.h has them */
    uint32_t *expanded;      /* [pixels][words] */
    int8_t *output;          /* [pixels][channels] */
    int32_t pixels, channels, words;
    const int8_t *input; /* of the first pixel */
    int32_t step;        /* bytes to the next pixel's */
    int32_t row_step;    /* bytes to the next four taps, or three */
} tp_few;

typedef struct tp_few_engine {
    void (*expand)(const tp_few *job);
    void (*pixels)(const tp_few *job);
    int32_t words;
} tp_few_engine;

/* All rows of a layer, behind its clamp. */
void tp_conv_2d_few_dsp(const tp_few_engine *engine, const tp_layer *layer, const uint32_t *weights, const int8_t *input,
                        int8_t *output, void *scratch);

/* Taps 0 to 3 and 4 to 7 of each pixel, row_step bytes apart, to pairs 02 13 46 57. */
void tp_expand_eight_dsp(const tp_few *job);
/* Taps 0 to 2, 3 to 5 and 6 to 8, likewise, to pairs 02 35 68 14 7 and anything; a byte behind each three is read, too. */
void tp_expand_nine_dsp(const tp_few *job);
/* Taps as tp_expand_eight_dsp reads them, to pairs 01 02 03 12 13 23 45 46 47 56 57 67. */
void tp_expand_all_pairs_dsp(const tp_few *job);
void tp_few_pixels_s8_dsp(const tp_few *job);
void tp_few_pairs_s8_dsp(const tp_few *job);

#endif
