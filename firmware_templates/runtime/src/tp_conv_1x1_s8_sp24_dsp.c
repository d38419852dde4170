/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four pixels at a time. Every pair of activations that a 2:4 group can keep is laid out once, and serves all output
 * channels: a kept pair of weights then costs one load and one SMLAD a pixel. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_pairs.h"
#include "tp_sp24.h"

/* One pixel's activations into its column of scratch [groups][6][TP_SP24_PIXELS]. */
static void expand(const int8_t *input, int32_t groups, uint32_t *scratch)
{
    for (int32_t group = 0; group < groups; group++) {
        tp_expand_group(input, scratch, TP_SP24_PIXELS);
        input += 4;
        scratch += TP_SP24_GROUP_WORDS;
    }
}

static inline tp_quad requantize(tp_quad acc, const tp_channel *channel, int32_t zero_point)
{
    const int32_t multiplier = channel->multiplier, right_shift = -channel->shift;
    const int32_t offset = tp_fast_offset(right_shift, zero_point);
    return (tp_quad){tp_ssat8(tp_requantize_fast(acc.p0, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p1, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p2, multiplier, right_shift, offset)),
                  tp_ssat8(tp_requantize_fast(acc.p3, multiplier, right_shift, offset))};
}

static inline tp_quad clamp(tp_quad y, int32_t low, int32_t high)
{
    return (tp_quad){tp_clamp(y.p0, low, high), tp_clamp(y.p1, low, high), tp_clamp(y.p2, low, high),
                  tp_clamp(y.p3, low, high)};
}

/* All output channels of four pixels, of which output[TP_SP24_PIXELS] are the places. */
static void four_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                        const char *scratch, int8_t *const output[TP_SP24_PIXELS])
{
    const int32_t words = (layer->in_channels + 15) / 16 * 3, out_channels = layer->out_channels;
    const int32_t zero_point = layer->output_zero_point, low = layer->activation_min, high = layer->activation_max;
    const int clamps = low > -128 || high < 127;
    for (int32_t o = 0; o < out_channels; o++) {
        tp_quad y = requantize(tp_dot_pairs(weights, weights + words, scratch, channels->bias), channels, zero_point);
        if (clamps) {
            y = clamp(y, low, high);
        }
        output[0][o] = (int8_t)y.p0;
        output[1][o] = (int8_t)y.p1;
        output[2][o] = (int8_t)y.p2;
        output[3][o] = (int8_t)y.p3;
        weights += words;
        channels++;
    }
}

void tp_conv_1x1_s8_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t last = layer->out_height * layer->out_width - 1, groups = layer->in_channels / 4;
    const int32_t padding = (groups + 3) / 4 * 4 - groups;
    uint32_t *pairs = scratch;
    memset(pairs + TP_SP24_GROUP_WORDS * groups, 0, sizeof(uint32_t) * TP_SP24_GROUP_WORDS * (size_t)padding); /* read with weights 0 */
    for (int32_t first = 0; first <= last; first += TP_SP24_PIXELS) {
        int8_t *places[TP_SP24_PIXELS];
        for (int32_t i = 0; i < TP_SP24_PIXELS; i++) { /* beyond the last pixel, that one is computed again */
            const int32_t pixel = first + i < last ? first + i : last;
            expand(input + pixel * layer->in_channels, groups, pairs + i);
            places[i] = output + pixel * layer->out_channels;
        }
        four_pixels(layer, weights, channels, scratch, places);
    }
}
