/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_1x1_row_s8_duos_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration)
{
    static const tp_duo_engine engine = {tp_expand_three_dsp, tp_three_pixels_s8_duos_dsp, tp_duos_tiles_dsp, TP_DUO_PIXELS, TP_DUO_ROWS,
                                         TP_DUO_GROUP_WORDS, 1};
    tp_conv_1x1_row_duos_dsp(&engine, layer, weights, row, map, scratch, iteration);
}
