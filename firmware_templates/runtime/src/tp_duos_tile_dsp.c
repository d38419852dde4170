/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_band.h"
#include "tp_kernels_dsp.h"

void tp_duos_tile_dsp(const tp_duos *layer, const int8_t *const pixels[TP_DUO_PIXELS], int8_t *const output[TP_DUO_PIXELS])
{
    const int8_t *patches[TP_DUO_PIXELS];
    if (layer->patches) {
        for (int32_t i = 0; i < layer->engine->pixels; i++) {
            int8_t *const patch = layer->patches + 4 * layer->groups * i;
            tp_gather(layer->window, pixels[i], layer->piece_step, patch);
            patches[i] = patch;
        }
        pixels = patches;
    }
    layer->engine->expand(layer, pixels);
    layer->engine->run(layer, output);
    if (layer->carried) {
        const int32_t count = layer->engine->pixels, group_words = layer->engine->group_words;
        int32_t to[TP_DUO_PIXELS - 1];
        for (int32_t i = 1; i < count; i++) {
            to[i - 1] = (int32_t)(output[i] - output[0]);
        }
        const tp_carried_tile tile = {layer->expanded, layer->groups, count, group_words - count, group_words, output[0], to,
                                      layer->channel_step};
        tp_carried_channels_dsp(layer->carried, &tile);
    }
}
