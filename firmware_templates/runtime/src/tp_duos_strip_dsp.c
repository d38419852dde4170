/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_duos_strip_dsp(const tp_duos *layer, int32_t tiles, const int8_t *const pixels[TP_DUO_PIXELS],
                       int8_t *const output[TP_DUO_PIXELS], int32_t out_step)
{
    const int32_t count = layer->engine->pixels, column_words = layer->engine->group_words * layer->groups;
    const int8_t *x[TP_DUO_PIXELS];
    int8_t *places[TP_DUO_PIXELS];
    tp_duos tile = *layer;
    for (int32_t i = 0; i < count; i++) {
        x[i] = pixels[i];
        places[i] = output[i];
    }
    for (int32_t left = (tiles - 1) * layer->window->stride_width + layer->columns; left > 0; left--) {
        layer->engine->expand(&tile, x);
        tile.expanded += column_words;
        for (int32_t i = 0; i < count; i++) {
            x[i] += layer->window->in_channels;
        }
    }
    tile.expanded = layer->expanded;
    for (; tiles > 0; tiles--) {
        layer->engine->run(&tile, places);
        if (layer->carried) {
            tp_duos_carried_dsp(&tile, places);
        }
        tile.expanded += layer->window->stride_width * column_words;
        for (int32_t i = 0; i < count; i++) {
            places[i] += out_step;
        }
    }
}
