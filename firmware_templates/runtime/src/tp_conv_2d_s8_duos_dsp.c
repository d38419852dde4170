/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_2d_s8_duos_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch)
{
    static const tp_duo_engine engine = {tp_expand_three_dsp, tp_three_pixels_s8_duos_dsp, tp_duos_tiles_dsp, TP_DUO_PIXELS, TP_DUO_ROWS,
                                         TP_DUO_GROUP_WORDS, 1};
    tp_conv_2d_duos_dsp(&engine, layer, map, weights, input, output, scratch);
}
