/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The kernels: int8 layers with the arithmetic of TFLite Micro, bit for bit. C11, no allocation, no globals, no floating
 * point, memcpy and memset only.
 *
 * Names are tp_<op>_<dtype>_<pattern>_<isa>. Maps are [height][width][channels] int8, channels fastest; `taps` stands for
 * kernel_height * kernel_width * in_channels. Weights belong to output channels: dense ones are [out_channels][taps],
 * channels of the input fastest.
 *
 * For all kernels
 * - sizes, strides and dilations are 1 or more, zero points in [-128, 127], -128 <= activation_min <= activation_max <= 127;
 *   every buffer is shorter than 2^31 bytes; input, output and scratch do not overlap, but where a kernel says so;
 * - a stored value v of the input stands for v - input_zero_point. That subtraction is folded into tp_channel.bias, which is
 *   bias - input_zero_point * (sum of the channel's weights); so padding counts as input_zero_point;
 * - the int32 accumulator cannot overflow: tinyprune refuses a layer in which |tp_channel.bias| + 128 * (sum of the channel's
 *   |weights|) exceeds 2^31 - 1, which bounds every partial sum in any order.
 */
#ifndef TP_KERNELS_H
#define TP_KERNELS_H

#include <stdint.h>

#include "tp_names.h"

typedef struct tp_layer {
    int32_t in_height, in_width, in_channels;
    int32_t out_height, out_width, out_channels;
    int32_t kernel_height, kernel_width;
    int32_t stride_height, stride_width;
    int32_t dilation_height, dilation_width;
    int32_t pad_top, pad_left; /* rows above and columns left of the input; what is missing below and right follows */
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max; /* stored values */
} tp_layer;

/* An output channel: accumulators start at `bias`, then y = round(acc * multiplier * 2^(shift - 31)) + output_zero_point.
 * multiplier is 0 or in [2^30, 2^31); shift is in [-31, 30], to the left when positive. */
typedef struct tp_channel {
    int32_t bias, multiplier, shift;
} tp_channel;

/* Softmax over `rows` rows of `depth` values; input_multiplier and input_left_shift take differences of inputs to Q5.26,
 * those below diff_min have a probability of 0. 1 <= depth <= 4095, so that the Q12.19 sum of exponentials has room;
 * tp_softmax_s8_dense_c and tp_softmax_s8_twice_c take 511 at most. */
typedef struct tp_softmax {
    int32_t rows, depth, input_multiplier, input_left_shift, diff_min;
} tp_softmax;

/* Another scale and zero point for `count` values; multiplier is in [2^30, 2^31), shift in [-31, 22]. */
typedef struct tp_quantize {
    int32_t count, multiplier, shift, input_zero_point, output_zero_point;
} tp_quantize;

/* `count` integers of from_bytes each as such of to_bytes: 1 to 2, 1 to 4, or 2 to 4. */
typedef struct tp_cast {
    int32_t count, from_bytes, to_bytes;
} tp_cast;

/* `count` values, each replaced by a table's. */
typedef struct tp_lookup {
    int32_t count;
} tp_lookup;

/* Logarithm of the softmax: fields as in tp_softmax, 1 <= depth <= 4095, so that the sum stays below 2^31; back_multiplier and
 * back_right_shift, 0 or more, take Q5.26 to differences of inputs. */
typedef struct tp_log_softmax {
    int32_t rows, depth, input_multiplier, input_left_shift, diff_min, back_multiplier, back_right_shift;
} tp_log_softmax;

/* `rows` vectors of `depth` values, 1 to 2^15: the sum of squares of differences from the zero point fits 31 bits. */
typedef struct tp_l2_normalization {
    int32_t rows, depth, input_zero_point;
} tp_l2_normalization;

/* Element-wise operators: four nested loops, the last one the innermost; an operand that is broadcast has a stride of 0
 * there. Values lie one behind the other in the output. */
typedef struct tp_loops {
    int32_t count_0, count_1, count_2, count_3;
    int32_t left_0, left_1, left_2, left_3;     /* strides of the left operand, in bytes */
    int32_t right_0, right_1, right_2, right_3; /* and of the right one */
} tp_loops;

/* left + right_sign * right. Both are taken to a common scale with 20 more bits: (x - zero_point) * 2^20 * multiplier *
 * 2^(shift - 31), shift in [-31, 0]; their sum is taken to the output's scale by multiplier and shift, in [-31, 0] too. */
typedef struct tp_add {
    int32_t left_zero_point, left_multiplier, left_shift;
    int32_t right_zero_point, right_multiplier, right_shift, right_sign;
    int32_t output_multiplier, output_shift, output_zero_point, activation_min, activation_max;
} tp_add;

/* The sum as one line: y = (left_factor * left / 2^8 + right_factor * right / 2^8 + offset) / 2^21, each quotient rounded down.
 * No sum exceeds 32 bits. */
typedef struct tp_add_fast {
    int32_t left_factor, right_factor, offset, activation_min, activation_max;
} tp_add_fast;

/* Two operands at a common scale, twice the larger of theirs: `large` is the operand of the larger one, or either where they are
 * equal. Their sum is large * large_factor + large_offset + sign * small, where small is small_factor * value + small_offset by
 * tp_requantize_fast; sign is 1 or -1. */
typedef struct tp_common_scale {
    int32_t large_factor, large_offset, sign;
    int32_t small_factor, small_offset, multiplier, right_shift, half;
} tp_common_scale;

/* From a sum to the result by tp_requantize_fast. */
typedef struct tp_rescale {
    int32_t multiplier, right_shift, offset, activation_min, activation_max;
} tp_rescale;

/* (left - its zero point) * (right - its zero point) * multiplier * 2^(shift - 31), shift in [-31, 15]. */
typedef struct tp_mul {
    int32_t left_zero_point, right_zero_point;
    int32_t multiplier, shift, output_zero_point, activation_min, activation_max;
} tp_mul;

/* The same by tp_requantize_fast. */
typedef struct tp_mul_fast {
    int32_t left_zero_point, right_zero_point;
    int32_t multiplier, right_shift, offset, activation_min, activation_max;
} tp_mul_fast;

/* Without their zero points: left where that is 0 or more, times multiplier and 2^(shift - 31), shift in [-31, 23]; else
 * left * right, in the same way, shift in [-31, 15]. */
typedef struct tp_prelu {
    int32_t left_zero_point, right_zero_point;
    int32_t positive_multiplier, positive_shift, negative_multiplier, negative_shift, output_zero_point;
} tp_prelu;

/* The same: y = (left * factor + offset) / 2^21, rounded down, where left is 0 or more; else left * right by
 * tp_requantize_fast. */
typedef struct tp_prelu_fast {
    int32_t left_zero_point, right_zero_point;
    int32_t factor, offset;
    int32_t multiplier, right_shift, product_offset;
} tp_prelu_fast;

/* (left - right)^2. Both are taken to a common scale with seven more bits: (x - zero_point) * 2^7 * multiplier *
 * 2^(shift - 31), shift in [-31, 0] and multiplier 2^30 where it is 0; the square to the output's, shift in [-31, 1]. */
typedef struct tp_squared_difference {
    int32_t left_zero_point, left_multiplier, left_shift;
    int32_t right_zero_point, right_multiplier, right_shift;
    int32_t output_multiplier, output_shift, output_zero_point;
} tp_squared_difference;

/* left / right, both without their zero points, times multiplier * 2^(shift - 31); shift is such that the arithmetic of
 * compiler/operators/div.py shifts by 0 to 31 bits. */
typedef struct tp_div {
    int32_t left_zero_point, right_zero_point;
    int32_t multiplier, shift, output_zero_point, activation_min, activation_max;
} tp_div;

/* Both operands are taken to the same scale: (x - zero_point) * 2^8 * multiplier * 2^(shift - 31), shift in [-31, 0]; the
 * result, 0 or 1, is if_less where left < right then, and so on. */
typedef struct tp_compare {
    int32_t left_zero_point, left_multiplier, left_shift;
    int32_t right_zero_point, right_multiplier, right_shift;
    int32_t if_less, if_equal, if_greater;
} tp_compare;

/* left and right, each or the result inverted where that is 1. */
typedef struct tp_logical {
    int32_t invert_operands, invert_result;
} tp_logical;

/* As tp_loops, for three operands. */
typedef struct tp_select {
    int32_t count_0, count_1, count_2, count_3;
    int32_t condition_0, condition_1, condition_2, condition_3;
    int32_t left_0, left_1, left_2, left_3;
    int32_t right_0, right_1, right_2, right_3;
} tp_select;

/* Runs of `size` bytes in four nested loops, the last one the innermost; strides are in bytes, and may be negative. The first
 * run begins at the offsets. */
typedef struct tp_copy {
    int32_t size, source_offset, target_offset;
    int32_t count_0, count_1, count_2, count_3;
    int32_t source_0, source_1, source_2, source_3;
    int32_t target_0, target_1, target_2, target_3;
} tp_copy;

/* SVDF over `rows` inputs that are independent of one another (the batch); units * rank filters. What a filter makes of an
 * input is taken to the variable's scale by memory_multiplier and memory_shift, sums to the output's by output_multiplier and
 * output_shift. multipliers are 0 or in [2^30, 2^31), shifts in [-31, 30]. With an int16 variable memory_zero_point is 0. */
typedef struct tp_svdf {
    int32_t rows, inputs, units, rank, memory;
    int32_t memory_zero_point, memory_multiplier, memory_shift;
    int32_t output_zero_point, output_multiplier, output_shift;
} tp_svdf;

/* LSTM over `batch` sequences of `steps` each, which lie in input and output so many rows apart: row_stride from a sequence to
 * the next, step_stride from a step to the next. forget_, add_ and hidden_ take products of int16 to the cell state and to the
 * hidden state; tanh_ takes the cell state to the table: (x * multiplier, rounded) >> shift. After each step the cell state is
 * limited to cell_min and cell_max. multipliers and shifts are as for tp_svdf, tanh_multiplier is below 2^16, its shift below
 * 31; (cell_min, cell_max) is (-32768, 32767) or within. */
typedef struct tp_lstm {
    int32_t batch, steps, inputs, units, row_stride, step_stride;
    int32_t hidden_zero_point, hidden_multiplier, hidden_shift;
    int32_t forget_multiplier, forget_shift, add_multiplier, add_shift;
    int32_t tanh_multiplier, tanh_shift, cell_min, cell_max;
} tp_lstm;

/* A sum over inputs or over hidden units: starts at `bias`, zero point folded, and is taken to 2^-12. */
typedef struct tp_lstm_sum {
    int32_t bias, multiplier, shift;
} tp_lstm_sum;

/* A border of `value`, the 16 bits of one int16 value or of two int8 ones, around a block of four nested axes, the last one the
 * innermost. count_0 to count_2 are turns of the loops, count_3 bytes; before_n and after_n are bytes that stand around all
 * that is inside of axis n. */
typedef struct tp_pad {
    int32_t value;
    int32_t count_0, count_1, count_2, count_3;
    int32_t before_0, before_1, before_2, before_3;
    int32_t after_0, after_1, after_2, after_3;
} tp_pad;

/* Runs of `size` bytes in `outer` blocks, `stride` bytes apart in the source; each has rows * columns of them. */
typedef struct tp_table {
    int32_t outer, stride, rows, columns, size;
} tp_table;

/* A map of another size. Positions in the input are Q10: that of the first row and column of the output, which may be
 * below 0, and how far the next one is. They stay below the number of rows and columns. */
typedef struct tp_resize {
    int32_t in_height, in_width, channels, out_height, out_width;
    int32_t first_row, row_step, first_column, column_step;
} tp_resize;

/* Operators that reduce axes: for each result, three nested loops over the values that it is made of. `kept` loops go over the
 * results, which lie one behind the other; strides are those of the input, in bytes. Where kept_stride_2 is not 1, the values of
 * the innermost reduced loop lie one behind the other: reduced_stride_2 is 1. */
typedef struct tp_reduce {
    int32_t kept_0, kept_1, kept_2, kept_stride_0, kept_stride_1, kept_stride_2;
    int32_t reduced_0, reduced_1, reduced_2, reduced_stride_0, reduced_stride_1, reduced_stride_2;
} tp_reduce;

/* What becomes of a sum of stored values: `offset`, which is -zero_point * (number of values), is added; then it is taken to the
 * output's scale. multiplier is in [0, 2^31), shift in [-31, 22]; (the sum of differences) << shift fits 32 bits. */
typedef struct tp_mean {
    int32_t multiplier, shift, offset, output_zero_point;
} tp_mean;

/* The index of the largest value along the middle one of three axes [before][along][behind]; flip is 0, or -1 for the index of
 * the smallest. */
typedef struct tp_arg_max {
    int32_t before, along, behind, flip;
} tp_arg_max;

/* Products of matrices, batch_0 * batch_1 * batch_2 of them; left_n and right_n are bytes to the next matrix of each axis, 0 where
 * an operand is broadcast. A sum of products is taken to the output's scale: multiplier is in [0, 2^31), shift in [-31, 15]; the
 * sum << shift fits 32 bits, and depth is at most 2^15. */
typedef struct tp_matmul {
    int32_t batch_0, batch_1, batch_2, left_0, left_1, left_2, right_0, right_1, right_2;
    int32_t rows, depth, columns, left_transposed, right_transposed;
    int32_t left_zero_point, right_zero_point, multiplier, shift, output_zero_point;
} tp_matmul;

/* 1x1 convolution, stride 1, no padding; also a fully connected layer, whose rows are the pixels (in_height 1).
 *   weights  [out_channels][in_channels]
 *   channels [out_channels]
 *   input    [pixels][in_channels],  pixels = in_height * in_width = out_height * out_width
 *   output   [pixels][out_channels]
 *   scratch  unused, may be null */
void tp_conv_1x1_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch);

/* The same, two channels at a time. */
void tp_conv_1x1_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                              const int8_t *input, int8_t *output, void *scratch);

/* The same with 2:4 weights; in_channels is a multiple of 8.
 *   weights  [out_channels][in_channels / 8][5] bytes: a record of two groups of four input channels. Bytes 0 and 1 are the
 *            kept weights of the first group, 2 and 3 of the second, as int8; byte 4 has the positions of the four
 *            in their groups, two bits each, the first in bits 0 and 1 */
void tp_conv_1x1_s8_sp24_c(const tp_layer *layer, const uint8_t *weights, const tp_channel *channels,
                           const int8_t *input, int8_t *output, void *scratch);

/* 1x1 convolution as above with 2:4 weights, four pixels at a time; needs Armv7E-M for speed, runs anywhere.
 * in_channels is a multiple of 4. Every channel has -30 <= shift <= -1, and every accumulator is so small that
 * tp_requantize_fast is exact (fixed_point.py: fast_rounding_is_exact).
 *   weights  [out_channels][ceil(in_channels / 16)][3] words, a record of four groups of four input channels, little-endian.
 *            Word 0: four bytes, how far to move on in scratch to each group's pair. Word 1: the kept weights of groups 0
 *            and 1 as int8, bytes 0 and 2 those of group 0, bytes 1 and 3 those of group 1. Word 2: groups 2 and 3.
 *            Groups beyond in_channels have weights 0
 *   scratch  [16-byte-aligned] [groups][6][4] words: for each group of four input channels, rounded up to a multiple of four
 *            groups, and each way to keep two of four (01 02 03 12 13 23), that pair of activations of four pixels, the
 *            first in the low halfword. 96 bytes a group */
void tp_conv_1x1_s8_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int8_t *input, int8_t *output, void *scratch);

/* 2D convolution with any kernel, stride, dilation and padding.
 *   weights  [out_channels][kernel_height][kernel_width][in_channels]
 *   channels [out_channels]
 *   input    [in_height][in_width][in_channels]
 *   output   [out_height][out_width][out_channels]
 *   scratch  taps bytes, rounded up to a multiple of 8: the input under the kernel, padding filled in */
void tp_conv_2d_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                           const int8_t *input, int8_t *output, void *scratch);

/* The same, two pixels and two channels at a time, for cores without DSP instructions: the activations of two pixels are the
 * halves of a word, so that a multiplication serves both. No weight is -128.
 *   scratch  [4-byte-aligned] taps words of halves, twice as many with four pixels and up to 256 taps; for other than a 1x1 kernel of
 *            stride 1, behind them two patches of taps bytes, or four */
void tp_conv_2d_s8_halves_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch);

/* The same as tp_conv_2d_s8_dense_c without scratch, for the smallest arena: it multiplies in place. */
void tp_conv_2d_direct_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                  const int8_t *input, int8_t *output, void *scratch);
void tp_conv_2d_direct_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                    const int8_t *input, int8_t *output, void *scratch);

/* tp_conv_2d_s8_dense_c with 2:4 weights.
 *   weights  [out_channels][ceil(taps / 8)][5] bytes: records as for tp_conv_1x1_s8_sp24_c, groups running along the taps */
void tp_conv_2d_s8_sp24_c(const tp_layer *layer, const uint8_t *weights, const tp_channel *channels,
                          const int8_t *input, int8_t *output, void *scratch);

/* The same, four pixels at a time. No group has two weights of -128.
 *   weights  [out_channels][ceil(taps / 4)] words, one a group of four taps: bytes 0 and 1 are the kept weights as int8, byte 3
 *            is 8 times the position of the first in the group, byte 2 that of the second; but for groups mod 4 groups that stand
 *            first, both have 32 times the number of the group more, mod 4
 *   scratch  [word-aligned] [groups][4][2] words: each tap of pixels 0 and 1, of 2 and 3, as x0 + 65536 * x1; for other than a
 *            1x1 kernel of stride 1, behind it four patches of taps bytes */
void tp_conv_2d_s8_sp24x4_c(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                            const int8_t *input, int8_t *output, void *scratch);

/* Depthwise 3x3 convolution with any stride, dilation and padding; out_channels = in_channels.
 *   weights  [channels][3][3]
 *   scratch  9 * in_channels bytes: what is under the kernel at the edges; with four output rows and no dilation of rows
 *            9 * (1 + stride_height) * in_channels */
void tp_depthwise_3x3_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                 const int8_t *input, int8_t *output, void *scratch);

/* Depthwise 2D convolution. Output channel o reads input channel o / depth_multiplier,
 * depth_multiplier = out_channels / in_channels, a whole number.
 *   weights  [kernel_height][kernel_width][out_channels]
 *   channels [out_channels]
 *   input    [in_height][in_width][in_channels]
 *   output   [out_height][out_width][out_channels]
 *   scratch  unused, may be null */
void tp_depthwise_2d_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                const int8_t *input, int8_t *output, void *scratch);

/* Transposed 2D convolution: the input pixel (row, column) adds a kernel of weights to the output, whose tap (i, j) falls on
 * (row * stride_height - pad_top + i, column * stride_width - pad_left + j). No dilation.
 * Phase (p, q) has the taps with i % stride_height = p and j % stride_width = q; phases come row by row.
 *   weights  [stride_height][stride_width] phases, each [out_channels][rows][columns][in_channels], its last tap first
 *   channels [stride_height][stride_width][out_channels], with the zero point folded in for the taps of the phase
 *   scratch  as many bytes as the first phase has taps: rows * columns * in_channels */
void tp_transpose_conv_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                  const int8_t *input, int8_t *output, void *scratch);

/* Average pooling: the mean of the pixels under the kernel, padding left out, ties away from zero; no change of scale.
 * Zero points and dilation are not used, out_channels = in_channels, and the kernel covers at least one pixel everywhere.
 * kernel_height * kernel_width < 2^24 keeps the sum within int32. */
void tp_average_pool_s8_dense_c(const tp_layer *layer, const int8_t *input, int8_t *output);

/* Max pooling: the largest of the pixels under the kernel, padding left out; no change of scale.
 * Zero points and dilation are not used, out_channels = in_channels, and the kernel covers at least one pixel everywhere. */
void tp_max_pool_s8_dense_c(const tp_layer *layer, const int8_t *input, int8_t *output);

/* Addition and subtraction, any scales. The output may be an operand that is not broadcast. */
void tp_add_s8_dense_c(const tp_loops *loops, const tp_add *add, const int8_t *left, const int8_t *right, int8_t *output);

/* The same as a line through all sums, where kernels/sums.py has proved by trial of all of them that there is one. */
void tp_add_s8_fast_c(const tp_loops *loops, const tp_add_fast *add, const int8_t *left, const int8_t *right, int8_t *output);

/* The same in two roundings by tp_requantize_fast, where kernels/common_scale.py has proved them exact; operands are in the order
 * of tp_common_scale, in loops as well. */
void tp_add_s8_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale, const int8_t *large,
                        const int8_t *small, int8_t *output);

/* Multiplication. The output may be an operand that is not broadcast. */
void tp_mul_s8_dense_c(const tp_loops *loops, const tp_mul *mul, const int8_t *left, const int8_t *right, int8_t *output);

/* The same by tp_requantize_fast, where kernels/products.py has proved it exact. */
void tp_mul_s8_fast_c(const tp_loops *loops, const tp_mul_fast *mul, const int8_t *left, const int8_t *right, int8_t *output);

/* Left where it is positive, else left * right. The output may be an operand that is not broadcast. */
void tp_prelu_s8_dense_c(const tp_loops *loops, const tp_prelu *prelu, const int8_t *left, const int8_t *right, int8_t *output);

/* The same, where kernels/products.py has proved it exact. */
void tp_prelu_s8_fast_c(const tp_loops *loops, const tp_prelu_fast *prelu, const int8_t *left, const int8_t *right,
                        int8_t *output);

/* The square of left - right. The output may be an operand that is not broadcast. */
void tp_squared_difference_s8_dense_c(const tp_loops *loops, const tp_squared_difference *op, const int8_t *left,
                                      const int8_t *right, int8_t *output);

/* The same, as for tp_add_s8_scaled_c; activation_min and activation_max are not used. */
void tp_squared_difference_s8_scaled_c(const tp_loops *loops, const tp_common_scale *common, const tp_rescale *rescale,
                                       const int8_t *large, const int8_t *small, int8_t *output);

/* Division; no value of `right` is its zero point. The output may be an operand that is not broadcast. */
void tp_div_s8_dense_c(const tp_loops *loops, const tp_div *div, const int8_t *left, const int8_t *right, int8_t *output);

/* The larger or the smaller of two values as they are stored. The output may be an operand that is not broadcast. */
void tp_maximum_s8_dense_c(const tp_loops *loops, const int8_t *left, const int8_t *right, int8_t *output);
void tp_minimum_s8_dense_c(const tp_loops *loops, const int8_t *left, const int8_t *right, int8_t *output);

/* Comparison. The output may be an operand that is not broadcast. */
void tp_compare_s8_dense_c(const tp_loops *loops, const tp_compare *op, const int8_t *left, const int8_t *right,
                           int8_t *output);

/* The same, where kernels/choices.py has proved tp_requantize_fast exact for both operands; the shifts are to the right then. */
void tp_compare_s8_fast_c(const tp_loops *loops, const tp_compare *op, const int8_t *left, const int8_t *right, int8_t *output);

/* Logic of bool values, which are 0 and 1. The output may be an operand that is not broadcast. */
void tp_logical_b8_dense_c(const tp_loops *loops, const tp_logical *op, const int8_t *left, const int8_t *right,
                           int8_t *output);

/* left where the condition is 1, right where it is 0. The output may be an operand that is not broadcast. */
void tp_select_s8_dense_c(const tp_select *op, const int8_t *condition, const int8_t *left, const int8_t *right,
                          int8_t *output);

/* Products of matrices.
 *   left     [rows][depth], or [depth][rows] where left_transposed
 *   right    [depth][columns], or [columns][depth] where right_transposed
 *   output   [rows][columns]
 *   scratch  [word-aligned] 4 * rows + depth bytes, and rows * depth more where left_transposed */
void tp_batch_matmul_s8_dense_c(const tp_matmul *matmul, const int8_t *left, const int8_t *right, int8_t *output,
                                void *scratch);

/* The same integers with more bytes.
 *   input, output  [count] */
void tp_cast_s8_dense_c(const tp_cast *cast, const void *input, void *output);

/* Moves bytes, whatever they stand for; source and target do not overlap. */
void tp_copy_s8_dense_c(const tp_copy *copy, const void *source, void *target);

/* Fills the border, and copies the inside. That may be in its place in the output already: then it is left alone.
 *   input   [count_0][count_1][count_2][count_3] bytes
 *   output  the same with the border */
void tp_pad_s8_dense_c(const tp_pad *pad, const void *input, void *output);

/* Moves runs of bytes to one behind the other: run r, c of a block begins at rows[r] + columns[c] in the source.
 *   rows, columns  [rows], [columns] */
void tp_gather_s8_dense_c(const tp_table *table, const int32_t *rows, const int32_t *columns, const void *source,
                          void *target);

/* Bilinear interpolation, rounded to the nearest with ties away from zero; no change of scale.
 *   input   [in_height][in_width][channels]
 *   output  [out_height][out_width][channels] */
void tp_resize_bilinear_s8_dense_c(const tp_resize *resize, const int8_t *input, int8_t *output);

/* Means and sums over any axes; fewer than 2^23 values to a result. */
void tp_mean_s8_dense_c(const tp_reduce *reduce, const tp_mean *mean, const int8_t *input, int8_t *output);

/* The largest value over any axes; the smallest for tp_reduce_min_s8_dense_c. */
void tp_reduce_max_s8_dense_c(const tp_reduce *reduce, const int8_t *input, int8_t *output);
void tp_reduce_min_s8_dense_c(const tp_reduce *reduce, const int8_t *input, int8_t *output);

/* Where the largest value stands; the first of equal ones.
 *   input   [before][along][behind]
 *   output  [before][behind], word-aligned */
void tp_arg_max_s8_dense_c(const tp_arg_max *arg_max, const int8_t *input, int32_t *output);

/* The same values in another quantization, clamped to int8: differences from the input zero point have at most 9 bits, so
 * that no left shift of 22 overflows. The output may be the input.
 *   input, output  [count] */
void tp_quantize_s8_dense_c(const tp_quantize *quantize, const int8_t *input, int8_t *output);

/* SVDF. A sum over the memory wraps at 32 bits; that over an input cannot overflow, as for tp_channel.bias.
 *   features     [filters][inputs]
 *   feature_bias [filters]: -input_zero_point * (sum of the filter's features)
 *   times        [filters][memory]
 *   bias         [units], less memory_zero_point * (sum of the unit's times)
 *   input        [rows][inputs]
 *   output       [rows][units]
 *   memory       [rows][filters][memory], the newest last: is moved on by one */
void tp_svdf_s8_dense_c(const tp_svdf *svdf, const int8_t *features, const int32_t *feature_bias, const int8_t *times,
                        const int32_t *bias, const int8_t *input, int8_t *output, int8_t *memory);

/* The same with an int16 variable. */
void tp_svdf_s16_dense_c(const tp_svdf *svdf, const int8_t *features, const int32_t *feature_bias, const int16_t *times,
                         const int32_t *bias, const int8_t *input, int8_t *output, int16_t *memory);

/* LSTM. No sum can overflow, as for tp_channel.bias.
 *   weights [units][4][inputs + units]: for each unit its gates (input, forget, cell, output), each with the weights of the
 *           input and then those of the hidden state
 *   sums    [units][4][2]: over the input, over the hidden state
 *   table   [256]: 65536 * sigmoid(i / 24)
 *   input   [batch * steps][inputs]
 *   output  [batch * steps][units]: the hidden state after each step
 *   hidden  [batch][units], cell [batch][units]: become those after the last step */
void tp_lstm_s8_dense_c(const tp_lstm *lstm, const int8_t *weights, const tp_lstm_sum *sums, const uint16_t *table,
                        const int8_t *input, int8_t *output, int8_t *hidden, int16_t *cell);

/* Softmax; the output has scale 1/256 and zero point -128. The output may be the input.
 *   input, output  [rows][depth]
 *   scratch        [4-byte-aligned] [depth] words: the exponentials of a row, each computed once */
void tp_softmax_s8_dense_c(const tp_softmax *softmax, const int8_t *input, int8_t *output, void *scratch);

/* The same without scratch: each exponential is computed twice. */
void tp_softmax_s8_twice_c(const tp_softmax *softmax, const int8_t *input, int8_t *output);

/* The same with a table, without scratch.
 *   exponentials  [256], of differences 0, -1, ... -255 from the largest input: exp in Q0.31, and 0 below diff_min */
void tp_softmax_s8_table_c(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, int8_t *output);

/* Any operator that makes each value of one value, or of one and a number: output[i] = table[(uint8_t)input[i]]. The output may
 * be the input.
 *   table          [256], of 0 ... 127 first, then of -128 ... -1
 *   input, output  [count] */
void tp_lookup_s8_dense_c(const tp_lookup *lookup, const int8_t *table, const int8_t *input, int8_t *output);

/* Logarithm of the softmax; the output has scale 1/16 and zero point 127. The output may be the input.
 *   input, output  [rows][depth] */
void tp_log_softmax_s8_dense_c(const tp_log_softmax *layer, const int8_t *input, int8_t *output);

/* The same with a table, as for tp_softmax_s8_table_c. */
void tp_log_softmax_s8_table_c(const tp_log_softmax *layer, const int32_t *exponentials, const int8_t *input, int8_t *output);

/* Vectors divided by their Euclidean length, which counts as 1 where it is 0; the output has scale 1/128 and zero point 0. The
 * output may be the input.
 *   input, output  [rows][depth] */
void tp_l2_normalization_s8_dense_c(const tp_l2_normalization *layer, const int8_t *input, int8_t *output);

#endif
