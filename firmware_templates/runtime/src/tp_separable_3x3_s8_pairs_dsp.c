/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

static const int32_t PIXELS[] = {TP_ROW_CHANNELS, 2 * TP_ROW_CHANNELS, 3 * TP_ROW_CHANNELS, 4 * TP_ROW_CHANNELS};

/* A row of the depthwise's outputs [ceil(channels / 64)][5][64] to pairs [channels / 4][6][5]. */
static void expand_row(const int8_t *row, int32_t channels, uint32_t *pairs)
{
    for (; channels > 0; channels -= TP_ROW_CHANNELS) {
        const int32_t count = channels < TP_ROW_CHANNELS ? channels : TP_ROW_CHANNELS;
        tp_expand_dsp(row, PIXELS, count / 4, pairs);
        row += TP_ROW_GROUP_BYTES;
        pairs += TP_GROUP_WORDS * (TP_ROW_CHANNELS / 4);
    }
}

void tp_separable_3x3_s8_pairs_dsp(const tp_separable *layer, const uint32_t *depthwise, const uint32_t *pointwise,
                                  int8_t *map, void *scratch)
{
    const int32_t groups = layer->channels / 4, slots = layer->slots, fifth = 4 * slots;
    uint32_t *const pairs = scratch;
    int8_t *const row_outputs = (int8_t *)(pairs + TP_GROUP_WORDS * groups);
    tp_five_pixels job = {pointwise, pointwise + pointwise[0], pairs, NULL, 5 * slots, {2, 1, 3, 0}};
    const int upwards = layer->first_out > layer->first_in; /* from the last row up */
    tp_pad_five_dsp(map, layer->channels, slots, layer->first_in, layer->height, layer->input_zero_point);
    for (int32_t i = 0; i < layer->height; i++) {
        const int32_t row = upwards ? layer->height - 1 - i : i, slot = layer->first_out + row;
        tp_depthwise_rows_s8_dense_dsp(map, slots, layer->first_in + row - 1, depthwise, layer->channels, row_outputs);
        expand_row(row_outputs, layer->channels, pairs);
        job.output = map + 4 * slot;
        job.to[3] = fifth + slot - 4 * slot;
        tp_five_pixels_s8_pairs_dsp(&job);
    }
}
