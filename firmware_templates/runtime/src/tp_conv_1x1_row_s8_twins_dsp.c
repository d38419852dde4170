/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_1x1_row_s8_twins_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration)
{
    static const tp_duo_engine engine = {tp_expand_two_dsp, tp_twins_tile_dsp, tp_twins_tiles_dsp, TP_TWIN_PIXELS, TP_TWIN_ROWS, TP_TWIN_GROUP_WORDS, 2};
    tp_conv_1x1_row_duos_dsp(&engine, layer, weights, row, map, scratch, iteration);
}
