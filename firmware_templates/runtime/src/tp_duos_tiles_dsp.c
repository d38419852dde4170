/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

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
