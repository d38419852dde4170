/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_duos_carried_dsp(const tp_duos *layer, int8_t *const output[])
{
    const tp_duo_engine *const engine = layer->engine;
    const int32_t count = engine->pixels, four_words = engine->group_words * engine->groups_in_four;
    const int32_t fours = (layer->columns * layer->groups + engine->groups_in_four - 1) / engine->groups_in_four;
    int32_t to[TP_DUO_PIXELS - 1];
    for (int32_t i = 1; i < count; i++) {
        to[i - 1] = (int32_t)(output[i] - output[0]);
    }
    const tp_carried_tile tile = {layer->expanded, fours, count, four_words - count, four_words,
                                  output[0], to, layer->channel_step};
    tp_carried_channels_dsp(layer->carried, &tile);
}
