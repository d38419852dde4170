/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

void tp_conv_1x1_row_s8_duos_exact_dsp(const tp_five_rows *layer, const uint32_t *weights, const int8_t *row, int8_t *map,
                                 void *scratch, int32_t iteration)
{
    tp_conv_1x1_row_duos_dsp(tp_three_pixels_s8_duos_exact_dsp, layer, weights, row, map, scratch, iteration);
}
