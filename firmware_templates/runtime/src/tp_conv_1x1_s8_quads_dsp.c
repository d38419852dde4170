/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_dsp.h"
#include "tp_loops.h"

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

/* Products of the first channel of four. */
TP_NOINLINE int32_t dot(const tp_quad *job)
{
    const uint32_t *w = job->weights;
    int32_t sum = 0;
    for (const uint32_t *x = job->x, *const end = job->x_end; x != end; x += 2) {
        sum = tp_smlad(x[1], tp_sxtb16_ror8(*w), tp_smlad(x[0], tp_sxtb16(*w), sum));
        w += TP_QUAD;
    }
    return sum;
}

/* Outputs of a pixel's channels. */
TP_INLINE void put(tp_range range, const int32_t *sums, const tp_channel *channels, int32_t count, int8_t *output)
{
    int8_t *const end = output + count;
    do {
        const int32_t acc = (int32_t)((uint32_t)*sums++ + (uint32_t)channels->bias);
        const int32_t y = tp_requantize_narrow(acc, channels->multiplier, channels->shift);
        *output++ = (int8_t)(tp_limit(y, range.low, range.high) + range.zero_point);
        channels++;
    } while (output != end);
}

void tp_conv_1x1_s8_quads_dsp(const tp_layer *layer, const uint32_t *weights, const tp_channel *channels,
                              const int8_t *input, int8_t *output, void *scratch)
{
    const tp_range range = tp_range_of(layer);
    const int32_t taps = layer->in_channels, out_channels = layer->out_channels;
    for (int32_t pixels = layer->out_height * layer->out_width; pixels > 0; pixels--) {
        tp_quad job = {scratch, expand(input, taps, scratch), weights, {0}};
        for (int32_t first = 0, count; first < out_channels; first += count) {
            const int32_t left = out_channels - first;
            count = left < TP_QUAD ? left : TP_QUAD;
            if (count == 1) {
                job.sums[0] = dot(&job);
            } else {
                job.sums[0] = job.sums[1] = job.sums[2] = job.sums[3] = 0;
                tp_dot_quads_dsp(&job);
            }
            put(range, job.sums, &channels[first], count, &output[first]);
        }
        input += taps;
        output += out_channels;
    }
}
