/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels_dsp.h"

/* [ceil(channels / 64)][5][64] to [5][channels] */
static void straighten(const int8_t *row, int32_t channels, int8_t *output)
{
    for (int32_t from = 0; from < channels; from += TP_ROW_CHANNELS) {
        const int32_t count = channels - from < TP_ROW_CHANNELS ? channels - from : TP_ROW_CHANNELS;
        for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
            memcpy(output + i * channels + from, row, (size_t)count);
            row += TP_ROW_CHANNELS;
        }
    }
}

void tp_depthwise_3x3_five_dsp(const tp_depthwise_engine *engine, const tp_layer *layer, const tp_five_map *map,
                               const uint32_t *weights, int8_t *input, int8_t *output, void *scratch)
{
    const int32_t channels = layer->in_channels;
    const int straight = channels == TP_ROW_CHANNELS;
    tp_pad_five_dsp(input, channels, map->slots, map->first, layer->in_height, layer->input_zero_point);
    for (int32_t row = 0; row < layer->out_height; row++) {
        int8_t *const outputs = straight ? output : scratch;
        tp_depthwise_rows_dsp(engine, input, map->slots, map->first + row - 1, weights, channels, layer->input_zero_point,
                              outputs);
        if (!straight) {
            straighten(scratch, channels, output);
        }
        output += TP_TILE_PIXELS * channels;
    }
}
