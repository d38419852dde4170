/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_planes.h"

void tp_depthwise_2d_s8_planes_dsp(const tp_planes *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                                   void *scratch)
{
    static const tp_planes_engine one = {tp_planes_any_dsp, TP_PLANES_WORD, 0};
    static const tp_planes_engine two = {tp_planes_any_stride2_dsp, TP_PLANES_WORD, 0};
    tp_depthwise_planes_dsp(layer->column_stride == 1 ? &one : &two, layer, weights, input, output, scratch);
}
