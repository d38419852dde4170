/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_few.h"

void tp_conv_2d_s8_few_pairs_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch)
{
    static const tp_few_engine engine = {tp_expand_all_pairs_dsp, tp_few_pairs_s8_dsp, TP_ALL_PAIRS_WORDS};
    tp_conv_2d_few_dsp(&engine, layer, weights, input, output, scratch);
}
