/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_1x1_row_s8_exact_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration)
{
    static const tp_five_engine engine = {tp_expand_dsp, tp_five_pixels_s8_exact_dsp, TP_GROUP_WORDS};
    tp_conv_1x1_row_five_dsp(&engine, layer, weights, row, map, scratch, iteration);
}
