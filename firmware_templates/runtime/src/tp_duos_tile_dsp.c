/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_band.h"
#include "tp_kernels_dsp.h"

void tp_duos_tile_dsp(const tp_duos *layer, const int8_t *const pixels[TP_DUO_PIXELS], int8_t *const output[TP_DUO_PIXELS])
{
    const int8_t *patches[TP_DUO_PIXELS];
    if (layer->columns > 1) {
        tp_duos_strip_dsp(layer, 1, pixels, output, 0);
        return;
    }
    if (layer->patches) {
        for (int32_t i = 0; i < layer->engine->pixels; i++) {
            int8_t *const patch = layer->patches + 4 * layer->groups / layer->engine->groups_in_four * i;
            tp_gather(layer->window, pixels[i], layer->piece_step, patch);
            patches[i] = patch;
        }
        pixels = patches;
    }
    layer->engine->expand(layer, pixels);
    layer->engine->run(layer, output);
    if (layer->carried) {
        tp_duos_carried_dsp(layer, output);
    }
}
