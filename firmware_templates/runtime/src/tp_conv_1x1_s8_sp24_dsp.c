/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four pixels at a time. Every pair of activations that a 2:4 group can keep is laid out once, and serves all output
 * channels: a kept pair of weights then costs one load and one SMLAD a pixel. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define PIXELS 4
#define PAIR_WORDS PIXELS
#define GROUP_WORDS (6 * PAIR_WORDS)

/* One pixel's activations into its column of scratch [groups][6][PIXELS]. */
static void expand(const int8_t *input, int32_t groups, uint32_t *scratch)
{
    for (int32_t group = 0; group < groups; group++) {
        uint32_t x;
        memcpy(&x, input, sizeof x);
        const uint32_t even = tp_sxtb16(x), odd = tp_sxtb16_ror8(x); /* (x0, x2), (x1, x3) */
        scratch[0 * PAIR_WORDS] = tp_pkh_low_low(even, odd);
        scratch[1 * PAIR_WORDS] = even;
        scratch[2 * PAIR_WORDS] = tp_pkh_low_high(even, odd);
        scratch[3 * PAIR_WORDS] = tp_pkh_low_high(odd, even);
        scratch[4 * PAIR_WORDS] = odd;
        scratch[5 * PAIR_WORDS] = tp_pkh_high_high(even, odd);
        input += 4;
        scratch += GROUP_WORDS;
    }
}

typedef struct accumulators {
    int32_t pixel[PIXELS];
} accumulators;

/* The four pixels' words of a pair of activations, times the pair of weights. */
#define ADD_GROUP(pair, weights)                                    \
    do {                                                            \
        const uint32_t *x = (const uint32_t *)(const void *)(pair); \
        const uint32_t x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];  \
        acc0 = tp_smlad(x0, (weights), acc0);                       \
        acc1 = tp_smlad(x1, (weights), acc1);                       \
        acc2 = tp_smlad(x2, (weights), acc2);                       \
        acc3 = tp_smlad(x3, (weights), acc3);                       \
    } while (0)

/* bias + one channel's weights[records][3] . scratch, for four pixels. */
static inline accumulators dot(const uint32_t *weights, int32_t records, const void *scratch, int32_t bias)
{
    const uint32_t *const end = weights + 3 * records;
    const char *pair = scratch;
    int32_t acc0 = bias, acc1 = bias, acc2 = bias, acc3 = bias;
    do {
        const uint32_t steps = weights[0], w01 = weights[1], w23 = weights[2];
        weights += 3;
        pair = tp_step0(pair, steps);
        ADD_GROUP(pair, tp_sxtb16(w01));
        pair = tp_step1(pair, steps);
        ADD_GROUP(pair, tp_sxtb16_ror8(w01));
        pair = tp_step2(pair, steps);
        ADD_GROUP(pair, tp_sxtb16(w23));
        pair = tp_step3(pair, steps);
        ADD_GROUP(pair, tp_sxtb16_ror8(w23));
    } while (weights != end);
    return (accumulators){{acc0, acc1, acc2, acc3}};
}

/* All output channels of four pixels, of which output[4] are the places. */
static void four_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                        const void *scratch, int8_t *const output[PIXELS])
{
    const int32_t records = (layer->in_channels + 15) / 16;
    for (int32_t o = 0; o < layer->out_channels; o++) {
        const accumulators acc = dot(weights, records, scratch, channels[o].bias);
        const int32_t multiplier = channels[o].multiplier, right_shift = -channels[o].shift;
        const int32_t offset = tp_fast_offset(right_shift, layer->output_zero_point);
        for (int32_t i = 0; i < PIXELS; i++) {
            const int32_t y = tp_requantize_fast(acc.pixel[i], multiplier, right_shift, offset);
            output[i][o] = (int8_t)tp_clamp(y, layer->activation_min, layer->activation_max);
        }
        weights += 3 * records;
    }
}

void tp_conv_1x1_s8_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t last = layer->out_height * layer->out_width - 1, groups = layer->in_channels / 4;
    const int32_t padding = (groups + 3) / 4 * 4 - groups;
    uint32_t *pairs = scratch;
    memset(pairs + GROUP_WORDS * groups, 0, sizeof(uint32_t) * GROUP_WORDS * (size_t)padding); /* read with weights 0 */
    for (int32_t first = 0; first <= last; first += PIXELS) {
        int8_t *places[PIXELS];
        for (int32_t i = 0; i < PIXELS; i++) { /* beyond the last pixel, that one is computed again */
            const int32_t pixel = first + i < last ? first + i : last;
            expand(input + pixel * layer->in_channels, groups, pairs + i);
            places[i] = output + pixel * layer->out_channels;
        }
        four_pixels(layer, weights, channels, pairs, places);
    }
}
