/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

/* Whether pixels are three below each other that share the rows under their kernels. */
static int share_rows(const tp_duos *layer, const int8_t *const pixels[])
{
    const tp_layer *const window = layer->window;
    return layer->engine->pixels == TP_DUO_PIXELS && window->kernel_height == 3 && window->dilation_height == 1
           && pixels[1] - pixels[0] == layer->piece_step && pixels[2] - pixels[1] == layer->piece_step;
}

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
    int32_t left = (tiles - 1) * layer->window->stride_width + layer->columns;
    if (share_rows(layer, pixels)) {
        tp_expand_three_rows_dsp(layer, pixels[0], left);
        left = 0;
    }
    for (; left > 0; left--) {
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
