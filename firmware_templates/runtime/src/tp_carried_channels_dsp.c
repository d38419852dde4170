/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_dsp.h"

#define HEADER_WORDS 5

/* The sum of one pixel; x is its first word of the first group. */
static int32_t dot(const uint32_t *weights, const uint32_t *x, const tp_carried_tile *tile, int32_t acc)
{
    const uint32_t *const end = weights + 2 * tile->groups;
    for (; weights != end; weights += 2) {
        acc = tp_smlad(x[0], weights[0], acc);
        acc = tp_smlad(x[tile->second], weights[1], acc);
        x += tile->group_words;
    }
    return acc;
}

void tp_carried_channels_dsp(const uint32_t *carried, const tp_carried_tile *tile)
{
    const uint32_t *channel = carried + 1;
    for (uint32_t left = *carried; left > 0; left--) {
        int8_t *const output = tile->output + (int32_t)channel[0] * tile->channel_step;
        const int32_t zero_point = (int32_t)channel[4];
        for (int32_t i = 0; i < tile->pixels; i++) {
            const int32_t acc = dot(channel + HEADER_WORDS, tile->expanded + i, tile, (int32_t)channel[1]);
            const int32_t scaled = tp_requantize(acc, (int32_t)channel[2], (int32_t)channel[3]);
            output[i == 0 ? 0 : tile->to[i - 1]] = (int8_t)(zero_point + tp_clamp(scaled, -128 - zero_point, 127 - zero_point));
        }
        channel += HEADER_WORDS + 2 * tile->groups;
    }
}
