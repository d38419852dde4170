/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Kernels for the DSP extension that choose their own layouts. As in tp_kernels.h: bit for bit TFLite Micro's arithmetic,
 * padding counts as input_zero_point, sizes are 1 or more. They run anywhere, with the same arithmetic in C.
 *
 * Requantization. These kernels, tp_*_exact_dsp aside, take layers with activation_min = output_zero_point = -128 and activation_max = 127, as
 * a ReLU has them. Weights and bias of output channel o are taken times 2^t[o], t[o] in [2, 11], such that every partial
 * sum fits 32 bits; then an output is
 *     ssat8((offset[o] + (acc * multiplier[o] >> 32)) >> TP_RELU_SHIFT),
 * equal to TFLite's two roundings: relu_rounding.py has the proof and chooses t. Convolutions (not those of a row at a time) also
 * take an activation_max below 127, and the exact ones any clamp: the map is limited once it is there.
 *
 * Carried channels. Those that a convolution's arithmetic does not reach stand in its stream as constants, and behind the stream,
 * which is as long as its first word says: a word that counts them, and for each its number; bias; multiplier; TFLite's shift;
 * output_zero_point; and for each group of four taps the pairs of weights 01 and 23, with twins 02 and 13, as halfwords. They cost their own time only.
 * tp_*_taps_dsp and tp_*_sp14_dsp carry none.
 *
 * Columns. Where in_channels is a multiple of 4, kernels are wider than stride_width and there is no dilation, outputs side by side
 * share columns of taps. These convolutions then have a pixel's taps as [kernel_width][kernel_height][in_channels], in streams too,
 * and expand each column of a strip of tiles once: tp_band.h says how many tiles that are.
 *
 * Five-wide maps. A map of 5 columns may lie by channel, one int8 plane each, as these kernels work on a row of five at a
 * time: [channels][5 * slots]. Row r is in slot first + r of its plane: columns 0 2 1 3 of it are the word of that slot in
 * [slots][4] bytes, column 4 is its byte in the [slots] bytes behind. slots is a multiple of 4. One slot before the first
 * row and one behind the last are room for padding. Planes are word-aligned. */
#ifndef TP_KERNELS_DSP_H
#define TP_KERNELS_DSP_H

#include <stddef.h>
#include <stdint.h>

#include "tp_kernels.h"

#define TP_RELU_SHIFT 11
#define TP_OWN_ENTRIES UINT32_C(0xffffffdc) /* -36 */
#define TP_TAPS_RUNS 4
#define TP_PAIRS_RUNS 8
#define TP_TILE_PIXELS 5
/* The six ways to keep two of a group of four activations, for five pixels. */
#define TP_GROUP_WORDS (6 * TP_TILE_PIXELS)
/* Four taps of five pixels. */
#define TP_TAPS_GROUP_WORDS (4 * 3)
/* Half of what two neighbouring groups become for 1:4 weights: a pair of taps, one of each, in sixteen ways. */
#define TP_SP14_GROUP_WORDS (8 * TP_TILE_PIXELS)
/* A row of outputs of the depthwise kernels: [ceil(channels / 64)][5][64] bytes. */
#define TP_ROW_CHANNELS 64
#define TP_DEPTHWISE_CHANNEL_WORDS 10
#define TP_DEPTHWISE8_CHANNEL_WORDS 5
#define TP_ROW_GROUP_BYTES (TP_TILE_PIXELS * TP_ROW_CHANNELS)
/* Two output channels at a time: pixels of a tile, pairs of a group of four taps of theirs, rows of five that tiles divide. */
#define TP_DUO_PIXELS 3
#define TP_DUO_GROUP_WORDS (6 * TP_DUO_PIXELS)
#define TP_DUO_ROWS 3
/* Four output channels at a time, the weights of two in a word: as above, and the words of four channels beside their weights. */
#define TP_TWIN 4
#define TP_TWIN_PIXELS 2
#define TP_TWIN_GROUP_WORDS TP_TWIN_PIXELS
#define TP_TWIN_ROWS 2
#define TP_TWIN_NUMBERS 16
/* Pixels that a convolution of few taps expands at a time. */
#define TP_FEW_PIXELS 48

typedef struct tp_five_map {
    int32_t slots, first;
} tp_five_map;

/* A map five columns wide, [height][5][channels], and the slots of its planes. */
typedef struct tp_relayout {
    int32_t height, channels, slots, first;
} tp_relayout;

/* From [height][5][channels] to planes, and back; padding is left as it is. */
void tp_five_wide_s8_dense_c(const tp_relayout *map, const int8_t *input, int8_t *output);
void tp_interleaved_s8_dense_c(const tp_relayout *map, const int8_t *input, int8_t *output);

/* Five pixels' accumulators of all output channels, and where their outputs go: the job of tp_five_pixels_s8_*_dsp. */
typedef struct tp_five_pixels {
    const uint32_t *weights, *end;
    const uint32_t *expanded;           /* as the engine's `expand` leaves them */
    int8_t *output;                     /* pixel 0 of channel 0 */
    int32_t channel_step;               /* bytes to the next output channel */
    int32_t to[TP_TILE_PIXELS - 1];     /* bytes from pixel 0 to pixels 1, 2, 3, 4; equal ones may repeat */
    int32_t five_wide;                  /* 1: to is 2, 1, 3 and anything; else 0 */
    const uint32_t *carried;
} tp_five_pixels;

/* How the weights of a convolution are stored: what expands activations for them, how long that makes a group of four taps, and
 * what then computes all output channels. */
typedef struct tp_five_engine {
    void (*expand)(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *expanded);
    void (*run)(tp_five_pixels *job);
    int32_t group_words;
} tp_five_engine;

/* 2D convolution (a pointwise or fully connected one, too), five pixels at a time, with weights of any pattern: dense ones are
 * two pairs for each group of four taps, 2:4 ones are one, and where all four are zero there is none. Any kernel, stride,
 * dilation and padding.
 *   map      where the output goes: a five-wide map (out_width is 5), or with slots = 0 [out_height][out_width][out_channels]
 *   weights  a stream of words: its length; the first channel's entry; then for each output channel, of count pairs, count 1
 *            or such that count - 1 is no multiple of four,
 *            - a word of steps: the lowest byte is the first pair's, the upper (count - 1) % 4 bytes those of the next pairs. A
 *              step takes a byte pointer from the pair before (from scratch) to the pair to use;
 *            - bias * 2^t;
 *            - the first pair's two weights * 2^t as halfwords, the first low;
 *            - where the entry is TP_PAIRS_RUNS: in the lower half 48 * skip + skip / 4 * 4, skip = -(count - 1) & 15, in the
 *              upper (count - 2) / 16 * 2;
 *            - the weights of (count - 1) % 4 pairs, and for each four that are left a word of steps and their weights;
 *            - multiplier; 2^12 * offset + the entry of the next channel, 12 bits: where in the unrolled run of 16 pairs those
 *              behind its first begin, 48 * skip + skip / 4 * 4 - 948 with skip = 17 - count (for one pair, -168), with more
 *              than 17 TP_PAIRS_RUNS, behind the last channel 0;
 *            and three words 0
 *   input    [in_height][in_width][in_channels]
 *   scratch  [word-aligned] tp_expand_dsp's pairs [groups][6][5] words, groups = ceil(taps / 4); for other than a 1x1 kernel
 *            of stride 1 with in_channels a multiple of 4, behind them patches [5][4 * groups] bytes and the band of input
 *            rows under the kernel in `rows` output rows, [(rows - 1) * stride_height + (kernel_height - 1) *
 *            dilation_height + 1][band_width * in_channels] bytes, band_width = (out_width - 1) * stride_width +
 *            (kernel_width - 1) * dilation_width + 1. `rows` is 1 in a five-wide map, else the least from 1 to out_height and
 *            5 with -rows * out_width mod 5 at most a sixteenth of rows * out_width, or the most of them. Where the taps of each
 *            kernel row are whole groups, there are no patches; where tiles share columns, `rows` is the most of them, and pairs
 *            are those of a strip */
void tp_conv_2d_s8_pairs_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same with int8 weights, in less than two thirds of the bytes.
 *   weights  a stream of words: its length; where channels enter the unrolled run of 16 pairs, in bytes: 52 * skip + skip / 4
 *            * 4 with skip = -count & 15, when all have the same count of pairs, 1 to 16, else TP_OWN_ENTRIES; then for each
 *            output channel
 *            - 32 * bias + t;
 *            - with TP_OWN_ENTRIES: its own entry in the lower half, in the upper its runs, rounded up, less 2;
 *            - for each record of four pairs a word of steps, a word of the first two pairs' weights as int8, bytes 0 and 2
 *              those of the first, bytes 1 and 3 those of the second, and a word of the last two pairs'. Where the pairs are no
 *              multiple of four, the first record is the short one: its steps are the upper bytes, words of pairs that are not
 *              there are left out;
 *            - multiplier */
void tp_conv_2d_s8_pairs8_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same, one tap at a time and only those that are not zero, for weights with few of them anywhere. taps <= 5461.
 *   weights  a stream of words: its length; then for each output channel
 *            - bias * 2^t;
 *            - its first tap: in the lower half the weight * 2^t, in the upper 12 * its place among the taps;
 *            - the entry of the others: 40 * skip - 792, skip = 16 - count, or for more than 16 TP_TAPS_RUNS and a word with
 *              40 * skip, skip = -count & 15, in the lower half and the runs of 16, rounded up, less 2, in the upper;
 *            - these taps; multiplier; offset;
 *            and four words 0
 *   scratch  as above but with tp_expand_taps_dsp's taps [groups][4][3] words in the place of pairs */
void tp_conv_2d_s8_taps_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same for 1:4 weights, at most one in a group of four taps not zero: one pair for two neighbouring groups. in_channels is
 * a multiple of 8.
 *   weights  as for tp_conv_2d_s8_pairs_dsp, but with two for four: a step is a halfword, an entry is 48 * skip + skip / 2 * 4
 *            - 964
 *   scratch  as above but with tp_expand_sp14_dsp's pairs [groups / 2][16][5] words */
void tp_conv_2d_s8_sp14_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same as tp_conv_2d_s8_pairs_dsp for layers with any output_zero_point, activation_min and activation_max:
 * both of TFLite's roundings, for shifts of 1 to 30 to the right; fixed_point.py, fast_rounding_is_exact, has the proof.
 *   weights  as for tp_conv_2d_s8_pairs_dsp with t = 1, but multiplier; 2^(shift - 1) + output_zero_point * 2^shift; 2^12 *
 *            shift + the entry of the next channel, 48 * skip + skip / 4 * 4 - 1000 (for one pair, -220) */
void tp_conv_2d_s8_exact_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same as tp_conv_2d_s8_pairs_dsp for two output channels and three pixels at a time: both channels have the same pairs, those
 * that hold the weights of either. out_channels is even.
 *   weights  a stream of words: its length; then for each two output channels, of count pairs, count 1 or such that count - 1 is
 *            no multiple of four,
 *            - a word of steps, as there;
 *            - their entry: where in the unrolled run of 16 pairs those behind the first begin, 48 * skip + skip / 4 * 4 - 964
 *              with skip = 17 - count (for one pair, -184), or with more than 17 TP_PAIRS_RUNS;
 *            - bias * 2^t of both;
 *            - the first pair's weights, a word of two halfwords times 2^t for each channel;
 *            - where the entry is TP_PAIRS_RUNS: a word as there;
 *            - two words of weights for each of (count - 1) % 4 pairs, and for each four that are left a word of steps and theirs;
 *            - multiplier and offset of the first channel, then of the second;
 *            and six words 0
 *   scratch  [word-aligned] tp_expand_three_dsp's pairs [groups][6][3] words; for other than a 1x1 kernel of stride 1 with
 *            in_channels a multiple of 4, behind them patches [3][4 * groups] bytes and the band of input rows under the kernel
 *            in three output rows, [2 * stride_height + (kernel_height - 1) * dilation_height + 1][band_width * in_channels]
 *            bytes; patches and strips as above */
void tp_conv_2d_s8_duos_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* The same with both of TFLite's roundings, for the layers of tp_conv_2d_s8_exact_dsp.
 *   weights  as for tp_conv_2d_s8_duos_dsp with t = 1, but entries are 48 * skip + skip / 4 * 4 - 1020 (for one pair, -240), and
 *            behind the pairs are for each channel multiplier; 2^(shift - 1) + output_zero_point * 2^shift; shift */
void tp_conv_2d_s8_duos_exact_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* Dense weights, those of two output channels in one word, for the layers of tp_conv_2d_s8_exact_dsp; four channels and two pixels
 * at a time. Of a word's halfwords w0 + 256 * w1 the products give S = a0 + 256 * a1, its even bytes, sign-extended, give a0, and
 * (S - a0) / 256 is a1, whatever overflowed, as long as a1 is in 24 bits: |a1| < 2^23.
 *   weights  a stream of words: its length; the channels in it; then for each four channels
 *            - 256 * bias of channel 1 + bias of channel 0; bias of channel 0; the same of channels 3 and 2;
 *            - for each four taps the words of channels 0 and 1, and of 2 and 3, with weights of taps 0 and 2, then of
 *              taps 1 and 3: of each the halfwords w0 + 256 * w1, which is why no weight is -128. Without dilation each row of
 *              the kernel is filled up with weights 0 to whole fours, or, of several rows that end with one tap, to its first
 *              word; else the kernel's end is;
 *            - for each channel multiplier; 2^(shift - 1) + output_zero_point * 2^shift; shift. Those beyond the last are 0
 *   scratch  [word-aligned] tp_expand_two_dsp's pairs; for other than a 1x1 kernel of stride 1 with in_channels a multiple of 4,
 *            behind them patches [2][4 * groups] bytes, the band as above for two output rows, and 3 bytes; strips as above */
void tp_conv_2d_s8_twins_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch);

/* Few taps, pixel by pixel with a channel's weights in registers: kernels of one row of eight taps or two of four, and 3x3 on one
 * channel. No dilation; output [out_height][out_width][out_channels].
 *   weights  for each output channel words: its taps * 2^t as halfwords, the first low, in pairs 02 13 46 57, of nine 02 35 68 14 7
 *            and 0; bias * 2^t; multiplier; offset
 *   scratch  [word-aligned] pairs [TP_FEW_PIXELS][4 or 5] words; for other than a 1x1 kernel of stride 1 behind them the band of
 *            input rows under the kernel, [kernel_height][((out_width - 1) * stride_width + kernel_width) * in_channels] bytes,
 *            and a byte */
void tp_conv_2d_s8_few_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch);

/* The same of eight taps, two of each four of which have weights.
 *   weights  for each output channel words: of taps 0 to 3 two weights * 2^t as halfwords, of taps 4 to 7 two; bias * 2^t;
 *            multiplier; offset; where the first pair lies among all pairs of a pixel, in bytes; bytes from there to the other
 *   scratch  as above, with 12 words for a pixel */
void tp_conv_2d_s8_few_pairs_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch);

/* Depthwise 3x3 convolution, stride 1, padding 1 all around, of a five-wide map. in_channels = out_channels.
 *   weights  [channels][10] words: biases of the left, the inner and the right column; for each kernel row the halfword pair
 *            (w0, w1); the w2 of rows 0 and 1, that of row 2; multiplier; offset. The padding left and right is folded into the
 *            biases, all * 2^t
 *   input    five-wide map; the slots before its first row and behind its last are overwritten with padding
 *   output   [out_height][5][channels]
 *   scratch  a row of outputs, ceil(channels / 64) * 320 bytes; unused with 64 channels */
void tp_depthwise_3x3_s8_dense_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, int8_t *input,
                                   int8_t *output, void *scratch);

/* The same with int8 weights, in half the bytes.
 *   weights  [channels][5] words: bias; for each kernel row the bytes w0, w2, w1 and 0, in the last row t in its place;
 *            multiplier */
void tp_depthwise_3x3_s8_dense8_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, int8_t *input,
                                    int8_t *output, void *scratch);

/* A depthwise 3x3 and a pointwise layer, row by row and in place in one five-wide map: output row r takes the slot of input
 * row r - 1 (first_out = first_in - 1) or, from the last row up, that of input row r + 1 (first_out = first_in + 1). Call both
 * for iterations 0 to height - 1 in turn. The map has channels or out_channels planes, whichever are more. */
typedef struct tp_five_rows {
    int32_t height, channels, out_channels; /* out_channels and input_zero_point are those of the layer at hand */
    int32_t slots, first_in, first_out;
    int32_t input_zero_point;
} tp_five_rows;

/* The depthwise half.
 *   weights  as for tp_depthwise_3x3_s8_dense_dsp
 *   map      the slots around the input rows are overwritten with padding in iteration 0
 *   row      [ceil(channels / 64)][5][64] bytes of output */
void tp_depthwise_3x3_row_s8_dense_dsp(const tp_five_rows *layer, const uint32_t *weights, int8_t *map, int8_t *row,
                                       int32_t iteration);

void tp_depthwise_3x3_row_s8_dense8_dsp(const tp_five_rows *layer, const uint32_t *weights, int8_t *map, int8_t *row,
                                        int32_t iteration);

/* The pointwise half; channels is a multiple of 4.
 *   weights  as for tp_conv_2d_s8_pairs_dsp, tp_conv_2d_s8_pairs8_dsp, tp_conv_2d_s8_taps_dsp and
 *            tp_conv_2d_s8_sp14_dsp, which wants a multiple of 8, tp_conv_2d_s8_exact_dsp
 *   row      [ceil(channels / 64)][5][64] bytes of input
 *   scratch  [word-aligned] what they expand: pairs [channels / 4][6][5] words, taps [channels / 4][4][3], pairs
 *            [channels / 8][16][5] */
void tp_conv_1x1_row_s8_pairs_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
void tp_conv_1x1_row_s8_pairs8_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
void tp_conv_1x1_row_s8_taps_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
void tp_conv_1x1_row_s8_sp14_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
void tp_conv_1x1_row_s8_exact_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
/* As these, but the outputs of three rows are computed in every third iteration, and in the last those of what is left.
 * out_channels is even, row word-aligned.
 *   weights  as for tp_conv_2d_s8_duos_dsp
 *   scratch  [word-aligned] pairs [channels / 4][6][3] words, and the inputs of two rows, [2][ceil(channels / 64)][5][64] bytes */
void tp_conv_1x1_row_s8_duos_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
void tp_conv_1x1_row_s8_duos_exact_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);
/* As these, but two rows at a time.
 *   weights  as for tp_conv_2d_s8_twins_dsp
 *   scratch  pairs [channels / 4][2][2] words, and the inputs of a row */
void tp_conv_1x1_row_s8_twins_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration);

/* Mean of each plane of a five-wide map, ties away from zero; 5 * in_height < 2^16.
 *   output  [channels] */
void tp_average_pool_five_s8_dsp(const tp_layer *layer, const tp_five_map *map, const int8_t *input, int8_t *output);

/* Kernels for interleaved maps, [height][width][channels], four output channels at a time. */

/* 1x1 convolution of stride 1, or a fully connected layer, as tp_conv_1x1_s8_dense_c; for few pixels. An accumulator's magnitude
 * times 2^max(shift, 0) is below 2^30.
 *   weights  [ceil(out_channels / 4)][ceil(in_channels / 4)][4] words: four int8 weights of each of four output channels, 0
 *            beyond the last channel or tap
 *   scratch  [word-aligned] 8 * ceil(in_channels / 4) bytes */
void tp_conv_1x1_s8_quads_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int8_t *input, int8_t *output, void *scratch);

/* The same for layers of tp_conv_2d_s8_exact_dsp.
 *   weights  as for tp_conv_2d_s8_twins_dsp
 *   scratch  as above */
void tp_conv_1x1_s8_twins_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                              void *scratch);

/* Depthwise convolution with any stride, dilation and padding and up to TP_QUAD_TAPS taps, for few pixels; out_channels =
 * in_channels, a multiple of 4. activation_min = -128, activation_max = 127, and requantization as for tp_conv_2d_s8_exact_dsp.
 *   weights  for each four channels words: their biases; for each tap the halfword pairs (w0, w2), (w1, w3); for each channel
 *            multiplier, 2^(shift - 1) + output_zero_point * 2^shift, shift. Biases and weights are taken times 2
 *   scratch  in_channels bytes */
void tp_depthwise_2d_s8_quads_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                                  void *scratch);

/* Depthwise layers by planes: rows of four channels become halfwords, two columns a word, in a band in scratch; a channel's weights
 * then meet two columns an instruction. Any kernel, stride of 1 or 2, dilation, padding and depth multiplier. `rows` and `columns`
 * are the map's height and width, or the other way round for kernels that are higher than wide; steps are bytes from one row or
 * column to the next. Where a stride is 2, its dilation is 1. `batch` output rows are computed from `slots` rows of `words` words. */
typedef struct tp_planes {
    int32_t in_rows, in_columns, in_row_step, in_column_step;
    int32_t out_rows, out_columns, out_row_step, out_column_step;
    int32_t kernel_rows, kernel_columns, row_stride, column_stride, row_dilation, column_dilation;
    int32_t pad_top, pad_left;
    int32_t in_channels, depth_multiplier;
    int32_t batch, slots, words;
    int32_t input_zero_point, output_zero_point, activation_min, activation_max;
    int32_t exact; /* whether some channels round with tp_requantize */
} tp_planes;

/*   weights  for each output channel its kernel, then four words: shift to the right, bias, multiplier,
 *            2^(shift - 1) + output_zero_point * 2^shift. Weights and bias are taken times 2. Channels with a shift of 0 round with tp_requantize: weights
 *            and bias are as they are, and the last word is the shift to the left, as tp_channel has it.
 *            A kernel row is words (w0, 0), (w2, w1), (w4, w3) and so on, as many as half of its taps and one; for
 *            tp_depthwise_3x3_s8_planes_dsp (w0, w1), (w2, w1).
 *   scratch  [word-aligned] [words][slots][4] words */
void tp_depthwise_3x3_s8_planes_dsp(const tp_planes *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                                    void *scratch);
void tp_depthwise_2d_s8_planes_dsp(const tp_planes *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                                   void *scratch);

/* What the kernels above are made of. */

#define TP_QUAD 4
#define TP_QUAD_TAPS 49

/* The products of a row of expanded activations with the weights of four channels, which are added to sums; weights are then
 * those of the next four. x_end is not x. */
typedef struct tp_quad {
    const uint32_t *x, *x_end, *weights;
    int32_t sums[TP_QUAD];
} tp_quad;

void tp_dot_quads_dsp(tp_quad *job);

/* All channels of one pixel, from 1 tap or more. The pointer behind the last one is read, not followed. */
void tp_depthwise_quads_dsp(const int8_t *const *taps, int32_t count, const uint32_t *weights, int32_t channels,
                            int8_t *output);

/* Five pixels' activations, 4 * groups bytes each, to pairs [groups][6][5]: of a group of four each pair (01 02 03 12 13 23)
 * as halfwords, the first low. Pixel 0 is at input, the others `pixels` bytes further. */
void tp_expand_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *pairs);

/* The same to taps [groups][4][3]: of each tap the pairs of pixels (0, 1), (2, 3), (4, anything) as halfwords. */
void tp_expand_taps_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *taps);

/* Two groups of four taps x and y at a time to pairs [groups / 2][16][5], pair 4 * i + j being (x[i], y[j]) as halfwords, the
 * first low, but (y[j], x[i]) where i is 2 or 3 and j is 0 or 1; groups is even. */
void tp_expand_sp14_dsp(const int8_t *input, const int32_t pixels[TP_TILE_PIXELS - 1], int32_t groups, uint32_t *pairs);

/* All output channels of five pixels. Leaves job->output undefined. */
void tp_five_pixels_s8_pairs_dsp(tp_five_pixels *job);
void tp_five_pixels_s8_pairs8_dsp(tp_five_pixels *job);
void tp_five_pixels_s8_taps_dsp(tp_five_pixels *job);
void tp_five_pixels_s8_sp14_dsp(tp_five_pixels *job);
void tp_five_pixels_s8_exact_dsp(tp_five_pixels *job);

/* A layer of which two output channels or more are computed at a time. A pixel's activations are pieces of piece_groups groups of
 * taps, of which the last may be shorter, piece_step bytes from one to the next. With `patches`, room for three pixels' groups,
 * they are gathered there as one piece first: the taps of `window`, piece_step bytes from one row of its kernel to the next.
 * Where it has several columns, that is one of them, and the next is a pixel further in the input. */
struct tp_duos;
/* Pixels, wherever they are, expanded; all output channels of expanded pixels, `output` being their places in channel 0. */
typedef void tp_duos_expand(const struct tp_duos *layer, const int8_t *const pixels[]);
typedef void tp_duos_run(const struct tp_duos *layer, int8_t *const output[]);
/* Tiles side by side, pixels of each `step` and places out_step bytes behind those of the one before. */
typedef void tp_duos_tiles(const struct tp_duos *layer, int32_t tiles, const int8_t *const pixels[], int32_t step,
                           int8_t *const output[], int32_t out_step);
/* How tiles of `pixels` are computed, in maps five columns wide `rows` at a time. Four taps are one group, or two, of taps 0 and 2 and
 * of 1 and 3; a group is group_words long when expanded. Where they are two, weights 0 fill up each row of a kernel to whole fours,
 * or in a kernel of several rows, where it ends with one tap, to one group behind those. */
typedef struct tp_duo_engine {
    tp_duos_expand *expand;
    tp_duos_run *run;
    tp_duos_tiles *tiles; /* one tile after the other, in any layer */
    int32_t pixels, rows, group_words, groups_in_four;
} tp_duo_engine;

typedef struct tp_duos {
    uint32_t *expanded;                 /* assembly knows the places of this and the next five */
    int32_t groups, piece_groups, piece_step;
    const uint32_t *weights;
    int32_t channel_step;               /* bytes to the next output channel */
    const tp_layer *window;
    int8_t *patches;
    const tp_duo_engine *engine;
    const uint32_t *carried;
    int32_t columns;
} tp_duos;

/* Three pixels to pairs [groups][6][3] as tp_expand_dsp; two to pairs (x0, x2), (x1, x3) of each four taps, [groups][2]. Of a piece
 * that ends in a group, what is behind it is read, too. */
tp_duos_expand tp_expand_three_dsp, tp_expand_two_dsp;
/* Columns of three pixels below each other, to be expanded as by tp_expand_three_dsp one after the other: of a kernel of three rows,
 * which pixels share, each row but once. */
void tp_expand_three_rows_dsp(const tp_duos *layer, const int8_t *input, int32_t columns);
tp_duos_run tp_three_pixels_s8_duos_dsp, tp_three_pixels_s8_duos_exact_dsp, tp_twins_tile_dsp;
/* Those of a tile that are carried. */
void tp_duos_carried_dsp(const tp_duos *layer, int8_t *const output[]);
/* Both, and the channels that are carried. */
void tp_duos_tile_dsp(const tp_duos *layer, const int8_t *const pixels[TP_DUO_PIXELS], int8_t *const output[TP_DUO_PIXELS]);
/* The same of tiles side by side; of twins in one call where that is possible. */
tp_duos_tiles tp_duos_tiles_dsp, tp_twins_tiles_dsp;
/* The same of those that share columns: the first one's pixels and places, and bytes to the places of the next. */
void tp_duos_strip_dsp(const tp_duos *layer, int32_t tiles, const int8_t *const pixels[TP_DUO_PIXELS],
                       int8_t *const output[TP_DUO_PIXELS], int32_t out_step);

/* Rows map->first and those behind it, `count` of them, of a five-wide map. `rows` are the activations of their columns 0; those
 * of the next column are column_step bytes further. */
void tp_duos_rows_dsp(const tp_duos *layer, const tp_five_map *map, int32_t count, const int8_t *const rows[TP_DUO_ROWS],
                      int32_t column_step, int8_t *output);

void tp_conv_2d_duos_dsp(const tp_duo_engine *engine, const tp_layer *layer, const tp_five_map *map, const uint32_t *weights,
                         const int8_t *input, int8_t *output, void *scratch);
void tp_conv_1x1_row_duos_dsp(const tp_duo_engine *engine, const tp_five_rows *layer, const uint32_t *weights, const int8_t *row,
                              int8_t *map, void *scratch, int32_t iteration);

/* Four output channels at a time of one or two pixels; `fours` is how many times, 1 or more. tp_two_pixels_s8_twins_dsp takes tiles
 * side by side: it expands each from its input, pieces as in tp_duos of which none is shorter, or has one that is expanded. */
typedef struct tp_twins {
    const uint32_t *weights;            /* of the first four: in a stream of tp_conv_2d_s8_twins_dsp */
    uint32_t *expanded;                 /* pairs (x0, x2), (x1, x3) of each four taps: [groups][pixels] */
    int32_t groups;                     /* of two taps; with one pixel an even number */
    int8_t *output;
    int32_t to, channel_step;           /* bytes to pixel 1 and to the next channel, which is 1 with one pixel */
    int32_t fours;
    int32_t tiles;
    const int8_t *input[TP_TWIN_PIXELS]; /* NULL: it is expanded */
    int32_t step, out_step;             /* bytes to the next tile's */
    int32_t piece_groups, piece_step;
    int32_t plain;                      /* 1 where output_zero_point is -128 and channel_step 1, else 0 */
} tp_twins;

void tp_one_pixel_s8_twins_dsp(const tp_twins *job);
void tp_two_pixels_s8_twins_dsp(const tp_twins *job);

/* Expanded pixels of a tile, a pair of activations beginning each group of group_words and another one `second` words behind, and where their outputs go, as in tp_five_pixels. */
typedef struct tp_carried_tile {
    const uint32_t *expanded;
    int32_t groups, pixels, second, group_words;
    int8_t *output;
    const int32_t *to;
    int32_t channel_step;
} tp_carried_tile;

/* What stands behind a stream of weights, NULL if no channel is carried. */
static inline const uint32_t *tp_carried(const uint32_t *weights)
{
    const uint32_t *const carried = weights + *weights;
    return *carried ? carried : NULL;
}

void tp_carried_channels_dsp(const uint32_t *carried, const tp_carried_tile *tile);
/* The same of five pixels, whose job has run; output is what it was before. */
void tp_five_carried_dsp(const tp_five_pixels *job, int8_t *output, int32_t groups);
/* Limits a convolution's output, in either layout, to activation_min and activation_max. */
void tp_clamp_map_dsp(const tp_layer *layer, const tp_five_map *map, int8_t *output);

void tp_conv_2d_five_dsp(const tp_five_engine *engine, const tp_layer *layer, const tp_five_map *map,
                         const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch);
void tp_conv_1x1_row_five_dsp(const tp_five_engine *engine, const tp_five_rows *layer, const uint32_t *weights,
                              const int8_t *row, int8_t *map, void *scratch, int32_t iteration);

/* Up to 64 channels of a row of a depthwise 3x3 layer. */
typedef struct tp_depthwise_row {
    const int8_t *words, *bytes; /* the slot of the row above in the first channel's plane */
    const uint32_t *weights, *weights_end;
    int32_t plane_bytes, input_zero_point;
    int8_t *output; /* [5][64] */
} tp_depthwise_row;

/* How its weights are stored: what computes it, and the words of a channel. */
typedef struct tp_depthwise_engine {
    void (*run)(const tp_depthwise_row *job);
    int32_t channel_words;
} tp_depthwise_engine;

void tp_depthwise_row_s8_dense_dsp(const tp_depthwise_row *job);
void tp_depthwise_row_s8_dense8_dsp(const tp_depthwise_row *job);

/* A row of outputs [ceil(channels / 64)][5][64] of all channels; slot is that of the row above. */
void tp_depthwise_rows_dsp(const tp_depthwise_engine *engine, const int8_t *map, int32_t slots, int32_t slot,
                           const uint32_t *weights, int32_t channels, int32_t input_zero_point, int8_t *output);

void tp_depthwise_3x3_five_dsp(const tp_depthwise_engine *engine, const tp_layer *layer, const tp_five_map *map,
                               const uint32_t *weights, int8_t *input, int8_t *output, void *scratch);
void tp_depthwise_3x3_row_five_dsp(const tp_depthwise_engine *engine, const tp_five_rows *layer, const uint32_t *weights,
                                   int8_t *map, int8_t *row, int32_t iteration);

/* Fills slots first - 1 and first + height of every plane. */
void tp_pad_five_dsp(int8_t *map, int32_t channels, int32_t slots, int32_t first, int32_t height, int32_t zero_point);

#endif
