/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_depthwise_3x3_row_s8_dense_dsp(const tp_five_rows *layer, const uint32_t *weights, int8_t *map, int8_t *row,
                                       int32_t iteration)
{
    static const tp_depthwise_engine engine = {tp_depthwise_row_s8_dense_dsp, TP_DEPTHWISE_CHANNEL_WORDS};
    tp_depthwise_3x3_row_five_dsp(&engine, layer, weights, map, row, iteration);
}
