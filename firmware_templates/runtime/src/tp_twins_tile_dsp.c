/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"
#include "tp_twins.h"

/* The last channels where they are not four. */
static void run_last(const tp_twins *before, int32_t count, int8_t *const output[])
{
    int8_t outputs[TP_TWIN][TP_TWIN_PIXELS];
    const int32_t four_words = TP_TWIN_NUMBERS + 2 * before->groups, first = TP_TWIN * before->fours * before->channel_step;
    const tp_twins job = {before->weights + four_words * before->fours, before->expanded, before->groups, &outputs[0][0], 1,
                          TP_TWIN_PIXELS, 1, 1, {NULL, NULL}, 0, 0, 0, 0, 0};
    tp_two_pixels_s8_twins_dsp(&job);
    for (int32_t channel = 0; channel < count; channel++) {
        for (int32_t i = 0; i < TP_TWIN_PIXELS; i++) {
            output[i][first + channel * before->channel_step] = outputs[channel][i];
        }
    }
}

void tp_twins_tile_dsp(const tp_duos *layer, int8_t *const output[])
{
    const uint32_t *const weights = layer->weights;
    const tp_twins job = {weights + 2, layer->expanded, layer->columns * layer->groups, output[0], (int32_t)(output[1] - output[0]),
                          layer->channel_step, (int32_t)(weights[1] / TP_TWIN), 1, {NULL, NULL}, 0, 0, 0, 0,
                          tp_twins_plain(layer)};
    if (job.fours > 0) {
        tp_two_pixels_s8_twins_dsp(&job);
    }
    if (weights[1] % TP_TWIN) {
        run_last(&job, (int32_t)(weights[1] % TP_TWIN), output);
    }
}
