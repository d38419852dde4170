/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_taps.h"

static void depthwise_pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                            const int8_t *const taps[TP_TAPS_3X3], int8_t *output)
{
    const int8_t *const x0 = taps[0], *const x1 = taps[1], *const x2 = taps[2];
    const int8_t *const x3 = taps[3], *const x4 = taps[4], *const x5 = taps[5];
    const int8_t *const x6 = taps[6], *const x7 = taps[7], *const x8 = taps[8];
    for (int32_t c = 0; c < layer->in_channels; c++) {
        int32_t acc = channels->bias + x0[c] * weights[0] + x1[c] * weights[1] + x2[c] * weights[2];
        acc += x3[c] * weights[3] + x4[c] * weights[4] + x5[c] * weights[5];
        acc += x6[c] * weights[6] + x7[c] * weights[7] + x8[c] * weights[8];
        output[c] = tp_output(acc, channels++, layer);
        weights += TP_TAPS_3X3;
    }
}

void tp_depthwise_3x3_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                 const int8_t *input, int8_t *output, void *scratch)
{
    memset(scratch, layer->input_zero_point, (size_t)layer->in_channels);
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            const int8_t *taps[TP_TAPS_3X3];
            tp_locate_taps(layer, input, row, column, scratch, taps);
            depthwise_pixel(layer, weights, channels, taps, output);
            output += layer->out_channels;
        }
    }
}
