/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_duos_carried_dsp(const tp_duos *layer, int8_t *const output[])
{
    const int32_t count = layer->engine->pixels, group_words = layer->engine->group_words;
    int32_t to[TP_DUO_PIXELS - 1];
    for (int32_t i = 1; i < count; i++) {
        to[i - 1] = (int32_t)(output[i] - output[0]);
    }
    const tp_carried_tile tile = {layer->expanded, layer->columns * layer->groups, count, group_words - count, group_words,
                                  output[0], to, layer->channel_step};
    tp_carried_channels_dsp(layer->carried, &tile);
}
