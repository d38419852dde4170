/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels_dsp.h"
#include "tp_taps.h"

void tp_depthwise_2d_s8_quads_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                                  void *scratch)
{
    const int8_t *taps[TP_QUAD_TAPS + 1] = {NULL};
    memset(scratch, layer->input_zero_point, (size_t)layer->in_channels);
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int8_t *const *const end = tp_locate_taps(layer, input, row, column, scratch, taps);
            tp_depthwise_quads_dsp(taps, (int32_t)(end - taps), weights, layer->in_channels, output);
            output += layer->out_channels;
        }
    }
}
