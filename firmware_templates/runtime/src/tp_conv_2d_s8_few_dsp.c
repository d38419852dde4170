/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_few.h"

void tp_conv_2d_s8_few_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch)
{
    static const tp_few_engine eight = {tp_expand_eight_dsp, tp_few_pixels_s8_dsp, TP_EIGHT_WORDS};
    static const tp_few_engine nine = {tp_expand_nine_dsp, tp_few_pixels_s8_dsp, TP_NINE_WORDS};
    tp_conv_2d_few_dsp(layer->kernel_height == 3 ? &nine : &eight, layer, weights, input, output, scratch);
}
