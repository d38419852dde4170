/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_2d_s8_duos_dsp(const tp_layer *layer, const tp_five_map *map, const uint32_t *weights, const int8_t *input,
                            int8_t *output, void *scratch)
{
    tp_conv_2d_duos_dsp(tp_three_pixels_s8_duos_dsp, layer, map, weights, input, output, scratch);
}
