/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * As tp_conv_1x1_s8_sp24_dsp, but pairs of activations are words of the map, or halves of two. */
#include <string.h>

#include "tp_dsp.h"
#include "tp_patch_s16.h"
#include "tp_s16.h"
#include "tp_sp24.h"

/* One pixel's activations into its column of pairs [groups][6][TP_SP24_PIXELS]: 01 02 03 12 13 23. */
static void expand(const int16_t *x, int32_t groups, uint32_t *pairs)
{
    for (int32_t group = 0; group < groups; group++) {
        uint32_t two[2];
        memcpy(two, x, sizeof two);
        pairs[0 * TP_SP24_PIXELS] = two[0];
        pairs[1 * TP_SP24_PIXELS] = tp_pkh_low_low(two[0], two[1]);
        pairs[2 * TP_SP24_PIXELS] = tp_pkh_low_high(two[0], two[1]);
        pairs[3 * TP_SP24_PIXELS] = two[0] >> 16 | two[1] << 16;
        pairs[4 * TP_SP24_PIXELS] = tp_pkh_high_high(two[0], two[1]);
        pairs[5 * TP_SP24_PIXELS] = two[1];
        x += 4;
        pairs += TP_SP24_GROUP_WORDS;
    }
}

/* All output channels of four pixels, of which output[TP_SP24_PIXELS] are the places. */
TP_NOINLINE void four_pixels(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels, const char *pairs,
                        int16_t *const output[TP_SP24_PIXELS])
{
    const int32_t words = (tp_taps(layer) + 15) / 16 * 3;
    const tp_channel *const end = channels + layer->out_channels;
    const tp_bounds bounds = tp_bounds_of(layer);
    int16_t *first = output[0], *second = output[1], *third = output[2], *fourth = output[3];
    for (; channels != end; channels++) {
        const tp_quad acc = tp_dot_pairs(weights, weights + words, pairs, channels->bias);
        tp_outputs_s16(acc.p0, acc.p1, channels, bounds, first++, second++);
        tp_outputs_s16(acc.p2, acc.p3, channels, bounds, third++, fourth++);
        weights += words;
    }
}

void tp_conv_2d_s16_sp24_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                             const int16_t *input, int16_t *output, void *scratch)
{
    const int32_t last = layer->out_height * layer->out_width - 1, groups = tp_round_up_to_4(tp_taps(layer)) / 4;
    const int32_t all = tp_round_up_to_4(groups);
    uint32_t *const pairs = scratch;
    uint32_t *const behind = pairs + TP_SP24_GROUP_WORDS * all;
    void *const patch = behind;
    memset(pairs + TP_SP24_GROUP_WORDS * groups, 0, /* read with weights 0 */
           sizeof(uint32_t) * TP_SP24_GROUP_WORDS * (size_t)(all - groups));
    for (int32_t first = 0; first <= last; first += TP_SP24_PIXELS) {
        int16_t *places[TP_SP24_PIXELS];
        for (int32_t i = 0; i < TP_SP24_PIXELS; i++) { /* beyond the last pixel, that one is computed again */
            const int32_t pixel = first + i < last ? first + i : last;
            expand(tp_patch_s16(layer, input, pixel, patch), groups, pairs + i);
            places[i] = output + pixel * layer->out_channels;
        }
        four_pixels(layer, weights, channels, scratch, places);
    }
}
