/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_2d_s8_exact_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch)
{
    static const tp_five_engine engine = {tp_expand_dsp, tp_five_pixels_s8_exact_dsp, TP_GROUP_WORDS};
    tp_conv_2d_five_dsp(&engine, layer, map, weights, input, output, scratch);
}
