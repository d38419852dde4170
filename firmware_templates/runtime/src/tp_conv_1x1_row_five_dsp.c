/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

static const int32_t PIXELS[] = {TP_ROW_CHANNELS, 2 * TP_ROW_CHANNELS, 3 * TP_ROW_CHANNELS, 4 * TP_ROW_CHANNELS};

/* A row [ceil(channels / 64)][5][64]. */
static void expand_row(const tp_five_engine *engine, const int8_t *row, int32_t channels, uint32_t *expanded)
{
    for (; channels > 0; channels -= TP_ROW_CHANNELS) {
        const int32_t count = channels < TP_ROW_CHANNELS ? channels : TP_ROW_CHANNELS;
        engine->expand(row, PIXELS, count / 4, expanded);
        row += TP_ROW_GROUP_BYTES;
        expanded += engine->group_words * (TP_ROW_CHANNELS / 4);
    }
}

void tp_conv_1x1_row_five_dsp(const tp_five_engine *engine, const tp_five_rows *layer, const uint32_t *weights,
                              const int8_t *row, int8_t *map, void *scratch, int32_t iteration)
{
    const int upwards = layer->first_out > layer->first_in;
    const int32_t slot = layer->first_out + (upwards ? layer->height - 1 - iteration : iteration);
    tp_five_pixels job = {weights, weights + *weights, scratch, map + 4 * slot, 5 * layer->slots,
                          {2, 1, 3, 4 * layer->slots - 3 * slot}, 1, tp_carried(weights)};
    expand_row(engine, row, layer->channels, scratch);
    engine->run(&job);
    if (job.carried) {
        tp_five_carried_dsp(&job, map + 4 * slot, layer->channels / 4);
    }
}
