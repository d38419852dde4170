/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_2d_s8_twins_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch)
{
    static const tp_duo_engine engine = {tp_expand_two_dsp, tp_twins_tile_dsp, tp_twins_tiles_dsp, TP_TWIN_PIXELS, TP_TWIN_ROWS, TP_TWIN_GROUP_WORDS, 2};
    tp_conv_2d_duos_dsp(&engine, layer, map, weights, input, output, scratch);
}
