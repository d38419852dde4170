/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_depthwise_3x3_row_five_dsp(const tp_depthwise_engine *engine, const tp_five_rows *layer, const uint32_t *weights,
                                   int8_t *map, int8_t *row, int32_t iteration)
{
    const int upwards = layer->first_out > layer->first_in; /* from the last row up */
    const int32_t place = upwards ? layer->height - 1 - iteration : iteration;
    if (iteration == 0) {
        tp_pad_five_dsp(map, layer->channels, layer->slots, layer->first_in, layer->height, layer->input_zero_point);
    }
    tp_depthwise_rows_dsp(engine, map, layer->slots, layer->first_in + place - 1, weights, layer->channels,
                          layer->input_zero_point, row);
}
