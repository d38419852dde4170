/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_patch.h"

void tp_conv_2d_s8_sp24_c(const tp_layer *layer, const uint8_t *weights, const tp_channel *channels,
                          const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels;
    const int32_t records = (taps + 7) / 8;
    int8_t *patch = scratch;
    memset(patch + taps, 0, (size_t)(8 * records - taps)); /* the last record reads it, with weights 0 */
    for (int32_t row = 0; row < layer->out_height; row++) {
        for (int32_t column = 0; column < layer->out_width; column++) {
            const uint8_t *w = weights;
            tp_gather_patch(layer, input, row, column, patch);
            for (int32_t o = 0; o < layer->out_channels; o++) {
                *output++ = tp_output(tp_dot_sp24(w, patch, records, channels[o].bias), &channels[o], layer);
                w += 5 * records;
            }
        }
    }
}
