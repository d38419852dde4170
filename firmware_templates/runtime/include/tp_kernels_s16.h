/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Kernels of int16 maps (TFLite's 16x8 mode: int16 activations, int8 weights). Contracts as in tp_kernels.h, but
 * - maps are int16, all zero points are 0: padding is 0, and biases are those of the file;
 * - activation_min and activation_max are in [-32768, 32767];
 * - in tp_channel and tp_wide_channel a multiplier below 2^15 rounds accumulators once, as TFLite does it with 64-bit ones:
 *   y = (acc * multiplier + 2^(14 - shift)) >> (15 - shift). Others are as in tp_kernels.h, and round twice.
 */
#ifndef TP_KERNELS_S16_H
#define TP_KERNELS_S16_H

#include "tp_kernels.h"

/* An output channel of 64-bit accumulators: they start at bias_high * 2^32 + (uint32_t)bias_low, and stay below 2^47; below
 * 2^31 where rounding is twice. shift is in [-31, 7], where rounding is twice in [-31, 30]. */
typedef struct tp_wide_channel {
    int32_t bias_low, bias_high, multiplier, shift;
} tp_wide_channel;

/* 2D convolution with any kernel, stride, dilation and padding, a fully connected layer too, and any weights.
 *   weights  [out_channels][kernel_height][kernel_width][in_channels]
 *   channels [out_channels]
 *   input    [in_height][in_width][in_channels]
 *   output   [out_height][out_width][out_channels]
 *   scratch  unused, may be null */
void tp_conv_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                            const int16_t *input, int16_t *output, void *scratch);

/* Depthwise 2D convolution with any kernel, stride, dilation and padding. Output channel o reads input channel
 * o / depth_multiplier, depth_multiplier = out_channels / in_channels, a whole number. 32768 * (sum of the |weights| in one row
 * of a channel's kernel) is below 2^31.
 *   weights  [kernel_height][kernel_width][out_channels]
 *   channels [out_channels]
 *   input    [in_height][in_width][in_channels]
 *   output   [out_height][out_width][out_channels]
 *   scratch  unused, may be null */
void tp_depthwise_2d_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                                 const int16_t *input, int16_t *output, void *scratch);

/* tp_conv_2d_s16_dense_c on cores with DSP instructions. For all of these kernels |tp_channel.bias| + 32768 * (sum of the
 * channel's |weights|) is below 2^31, and a shift where rounding is once is in [-31, -2].
 *   weights  [ceil(out_channels / 4)][2][ceil(taps / 4)][2] words: four taps of each of two channels, in the order 0, 2, 1, 3;
 *            0 beyond the last ones
 *   scratch  word-aligned: unused for a 1x1 kernel of stride 1 and a multiple of four input channels, else two patches of
 *            taps values, rounded up to a multiple of four */
void tp_conv_2d_s16_dense_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int16_t *input, int16_t *output, void *scratch);

/* The same with 2:4 weights, four pixels at a time.
 *   weights  as for tp_conv_1x1_s8_sp24_dsp, groups running along the taps
 *   scratch  word-aligned: [groups][6][4] words as for tp_conv_1x1_s8_sp24_dsp, then a patch of taps values, rounded up to a
 *            multiple of four */
void tp_conv_2d_s16_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int16_t *input, int16_t *output, void *scratch);

/* tp_depthwise_2d_s16_dense_c for as many output channels as input channels, a multiple of four.
 *   weights  [channels / 4][kernel_height][kernel_width] words: a tap of four channels */
void tp_depthwise_2d_s16_dense_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                                   const int16_t *input, int16_t *output, void *scratch);

#endif
