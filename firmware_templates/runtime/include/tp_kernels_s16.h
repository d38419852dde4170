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

/* Transposed 2D convolution, weights as those of tp_transpose_conv_s8_dense_c, but
 *   channels [out_channels], of all phases
 *   scratch  unused, may be null */
void tp_transpose_conv_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
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
/* Element-wise operators: as those of int8 in tp_kernels.h, strides in values, zero points 0. Operands gain 15 bits in an
 * addition, none in a squared difference. In tp_add_s16_scaled_c right_shift is 0 where both scales are equal: then small is
 * small_factor * value. tp_mul_s16_fast_c takes the product 2^30 for 2^30 - 1, which must not show. The output may be an operand
 * that is not broadcast. */
void tp_add_s16_dense_c(const tp_loops *loops, const tp_add *add, const int16_t *left, const int16_t *right, int16_t *output);
void tp_add_s16_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale, const int16_t *large,
                         const int16_t *small, int16_t *output);
void tp_mul_s16_dense_c(const tp_loops *loops, const tp_mul *mul, const int16_t *left, const int16_t *right, int16_t *output);
void tp_mul_s16_fast_c(const tp_loops *loops, const tp_mul_fast *mul, const int16_t *left, const int16_t *right, int16_t *output);
void tp_squared_difference_s16_dense_c(const tp_loops *loops, const tp_squared_difference *op, const int16_t *left,
                                       const int16_t *right, int16_t *output);
void tp_maximum_s16_dense_c(const tp_loops *loops, const int16_t *left, const int16_t *right, int16_t *output);
void tp_minimum_s16_dense_c(const tp_loops *loops, const int16_t *left, const int16_t *right, int16_t *output);
void tp_select_s16_dense_c(const tp_select *op, const int8_t *condition, const int16_t *left, const int16_t *right,
                           int16_t *output);

/* Pools: as tp_average_pool_s8_dense_c and tp_max_pool_s8_dense_c; a window has fewer than 2^15 pixels. */
void tp_average_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output);
void tp_max_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output);

/* Means and sums over any axes, strides in values. No sum exceeds 32 bits. */
void tp_mean_s16_dense_c(const tp_reduce *reduce, const tp_mean *mean, const int16_t *input, int16_t *output);

/* A line for values that are not below 0, and another for those that are, whose sign is that of `negative` before they are
 * scaled, and that of `behind` after. multipliers are in [0, 2^31), shifts in [-31, 15]; count is 1 or more. */
typedef struct tp_slopes {
    int32_t count, multiplier, shift;
    int32_t negative_multiplier, negative_shift, negative, behind;
    int32_t activation_min, activation_max;
} tp_slopes;

/* y = clamp(slope of its sign * x). The output may be the input. */
void tp_slopes_s16_dense_c(const tp_slopes *slopes, const int16_t *input, int16_t *output);

/* What values are limited to. */
typedef struct tp_bounds_s16 {
    int32_t count, activation_min, activation_max;
} tp_bounds_s16;

/* y = clamp(x). The output may be the input. */
void tp_clamp_s16_dense_c(const tp_bounds_s16 *bounds, const int16_t *input, int16_t *output);

/* y = clamp(the size of x). The output may be the input. */
void tp_abs_s16_dense_c(const tp_bounds_s16 *bounds, const int16_t *input, int16_t *output);

/* The same values in another quantization, which may be of another type, clamped to it. multiplier is in [0, 2^31),
 * shift in [-31, 22]; (x - input_zero_point) << shift fits 32 bits.
 *   input, output  [count] */
void tp_quantize_s16_to_s8_c(const tp_quantize *quantize, const int16_t *input, int8_t *output);
void tp_quantize_s16_to_s16_c(const tp_quantize *quantize, const int16_t *input, int16_t *output);
void tp_quantize_s16_to_s32_c(const tp_quantize *quantize, const int16_t *input, int32_t *output);
void tp_quantize_s8_to_s16_c(const tp_quantize *quantize, const int8_t *input, int16_t *output);
void tp_quantize_s8_to_s32_c(const tp_quantize *quantize, const int8_t *input, int32_t *output);

/* Where a value is looked up: (x * multiplier + half) >> shift, multiplier is below 2^15, shift in [0, 31], half 2^(shift - 1),
 * or 0 without a shift; count is 1 or more. */
typedef struct tp_sigmoid {
    int32_t count, multiplier, shift, half;
} tp_sigmoid;

/* 1 / (1 + exp(-x)) and tanh(x) of values whose scale multiplier / 2^shift takes to 2^-12 / 3, interpolated in a table; the
 * output has scale 2^-15. The output may be the input.
 *   table  [256]: 65536 * sigmoid(i / 24) */
void tp_logistic_s16_dense_c(const tp_sigmoid *sigmoid, const uint16_t *table, const int16_t *input, int16_t *output);
void tp_tanh_s16_dense_c(const tp_sigmoid *sigmoid, const uint16_t *table, const int16_t *input, int16_t *output);

/* Softmax of int8 whose output has scale 2^-16 and zero point -32768; scratch as for tp_softmax_s8_dense_c.
 *   input, output  [rows][depth] */
void tp_softmax_s8_to_s16_c(const tp_softmax *softmax, const int8_t *input, int16_t *output, void *scratch);

/* The same without scratch, as for tp_softmax_s8_twice_c. */
void tp_softmax_s8_to_s16_twice_c(const tp_softmax *softmax, const int8_t *input, int16_t *output);

/* The same with a table, as for tp_softmax_s8_table_c. */
void tp_softmax_s8_to_s16_table_c(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, int16_t *output);

/* Softmax; the output has scale 2^-15. diff_min is not used; input_left_shift may be below 0, then it is to the right. Differences
 * of inputs shifted to the left fit 32 bits.
 *   exponentials  [513]: exp(x) in Q0.15 for x = -10 ... 0, as TFLite rounds them
 *   inverses      [513]: 1 / (1 + x) in Q0.15 for x = 0 ... 1
 *   input, output [rows][depth], depth < 2^16 */
void tp_softmax_s16_dense_c(const tp_softmax *softmax, const int16_t *exponentials, const int16_t *inverses, const int16_t *input,
                            int16_t *output);

/* tp_lstm_s8_dense_c with sums of 64 bits, rounded once. hidden_zero_point is 0. */
void tp_lstm_s16_dense_c(const tp_lstm *lstm, const int8_t *weights, const tp_wide_channel *sums, const uint16_t *table,
                         const int16_t *input, int16_t *output, int16_t *hidden, int16_t *cell);

#endif
