/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_dsp.h"

/* Activations as pairs (x0, x2), (x1, x3); returns the end. Those behind the last meet weights 0. */
static const uint32_t *expand(const int8_t *input, int32_t taps, uint32_t *pairs)
{
    uint32_t x = 0;
    for (; taps >= 4; taps -= 4) {
        memcpy(&x, input, sizeof x);
        *pairs++ = tp_sxtb16(x);
        *pairs++ = tp_sxtb16_ror8(x);
        input += 4;
    }
    if (taps > 0) {
        memcpy(&x, input, (size_t)taps);
        *pairs++ = tp_sxtb16(x);
        *pairs++ = tp_sxtb16_ror8(x);
    }
    return pairs;
}

void tp_conv_1x1_s8_quads_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t pixels = layer->out_height * layer->out_width, taps = layer->in_channels;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        tp_quad job = {scratch, expand(input, taps, scratch), weights, {0}};
        for (int32_t first = 0; first < layer->out_channels; first += TP_QUAD) {
            const int32_t left = layer->out_channels - first, count = left < TP_QUAD ? left : TP_QUAD;
            for (int32_t i = 0; i < count; i++) {
                job.sums[i] = channels[first + i].bias;
            }
            tp_dot_quads_dsp(&job);
            for (int32_t i = 0; i < count; i++) {
                *output++ = tp_output(job.sums[i], &channels[first + i], layer);
            }
        }
        input += taps;
    }
}
