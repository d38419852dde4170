/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_depthwise_3x3_s8_dense8_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, int8_t *input,
                                   int8_t *output, void *scratch)
{
    static const tp_depthwise_engine engine = {tp_depthwise_row_s8_dense8_dsp, TP_DEPTHWISE8_CHANNEL_WORDS};
    tp_depthwise_3x3_five_dsp(&engine, layer, map, weights, input, output, scratch);
}
