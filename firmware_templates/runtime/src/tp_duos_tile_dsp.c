/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_band.h"
#include "tp_kernels_dsp.h"

void tp_duos_tile_dsp(const tp_duos *layer, const int8_t *const pixels[TP_DUO_PIXELS], int8_t *const output[TP_DUO_PIXELS])
{
    const int8_t *patches[TP_DUO_PIXELS];
    if (layer->patches) {
        for (int32_t i = 0; i < TP_DUO_PIXELS; i++) {
            int8_t *const patch = layer->patches + 4 * layer->groups * i;
            tp_gather(layer->window, pixels[i], layer->piece_step, patch);
            patches[i] = patch;
        }
        pixels = patches;
    }
    tp_expand_three_dsp(layer, pixels);
    layer->run(layer, output);
    if (layer->carried) {
        int32_t to[TP_DUO_PIXELS - 1];
        for (int32_t i = 1; i < TP_DUO_PIXELS; i++) {
            to[i - 1] = (int32_t)(output[i] - output[0]);
        }
        const tp_carried_tile tile = {layer->expanded, layer->groups, TP_DUO_PIXELS, output[0], to, layer->channel_step};
        tp_carried_channels_dsp(layer->carried, &tile);
    }
}
