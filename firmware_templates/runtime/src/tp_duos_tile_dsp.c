/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_band.h"
#include "tp_kernels_dsp.h"

static void run(const tp_duos *layer, int8_t *const output[])
{
    layer->engine->run(layer, output);
    if (layer->carried) {
        const int32_t count = layer->engine->pixels, group_words = layer->engine->group_words;
        int32_t to[TP_DUO_PIXELS - 1];
        for (int32_t i = 1; i < count; i++) {
            to[i - 1] = (int32_t)(output[i] - output[0]);
        }
        const tp_carried_tile tile = {layer->expanded, layer->columns * layer->groups, count, group_words - count, group_words,
                                      output[0], to, layer->channel_step};
        tp_carried_channels_dsp(layer->carried, &tile);
    }
}

void tp_duos_tile_dsp(const tp_duos *layer, const int8_t *const pixels[TP_DUO_PIXELS], int8_t *const output[TP_DUO_PIXELS])
{
    const int8_t *patches[TP_DUO_PIXELS];
    if (layer->columns > 1) {
        tp_duos_strip_dsp(layer, 1, pixels, output, 0);
        return;
    }
    if (layer->patches) {
        for (int32_t i = 0; i < layer->engine->pixels; i++) {
            int8_t *const patch = layer->patches + 4 * layer->groups * i;
            tp_gather(layer->window, pixels[i], layer->piece_step, patch);
            patches[i] = patch;
        }
        pixels = patches;
    }
    layer->engine->expand(layer, pixels);
    run(layer, output);
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
    for (int32_t left = (tiles - 1) * layer->window->stride_width + layer->columns; left > 0; left--) {
        layer->engine->expand(&tile, x);
        tile.expanded += column_words;
        for (int32_t i = 0; i < count; i++) {
            x[i] += layer->window->in_channels;
        }
    }
    tile.expanded = layer->expanded;
    for (; tiles > 0; tiles--) {
        run(&tile, places);
        tile.expanded += layer->window->stride_width * column_words;
        for (int32_t i = 0; i < count; i++) {
            places[i] += out_step;
        }
    }
}

void tp_duos_tiles_dsp(const tp_duos *layer, int32_t tiles, const int8_t *const pixels[], int32_t step, int8_t *const output[],
                       int32_t out_step)
{
    const int8_t *x[TP_DUO_PIXELS];
    int8_t *places[TP_DUO_PIXELS];
    for (int32_t i = 0; i < layer->engine->pixels; i++) {
        x[i] = pixels[i];
        places[i] = output[i];
    }
    for (; tiles > 0; tiles--) {
        tp_duos_tile_dsp(layer, x, places);
        for (int32_t i = 0; i < layer->engine->pixels; i++) {
            x[i] += step;
            places[i] += out_step;
        }
    }
}
