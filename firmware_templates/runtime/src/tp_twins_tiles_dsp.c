/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"
#include "tp_twins.h"

void tp_twins_tiles_dsp(const tp_duos *layer, int32_t tiles, const int8_t *const pixels[], int32_t step, int8_t *const output[],
                        int32_t out_step)
{
    const uint32_t *const weights = layer->weights;
    const int32_t piece_groups = layer->groups < layer->piece_groups ? layer->groups : layer->piece_groups;
    const int one_by_one = weights[1] < TP_TWIN || weights[1] % TP_TWIN || layer->carried || layer->patches || layer->columns > 1;
    if (one_by_one || layer->groups % piece_groups) {
        tp_duos_tiles_dsp(layer, tiles, pixels, step, output, out_step);
        return;
    }
    const tp_twins job = {weights + 2, layer->expanded, layer->groups, output[0], (int32_t)(output[1] - output[0]),
                          layer->channel_step, (int32_t)(weights[1] / TP_TWIN), tiles, {pixels[0], pixels[1]}, step, out_step,
                          piece_groups, layer->piece_step, tp_twins_plain(layer)};
    tp_two_pixels_s8_twins_dsp(&job);
}
