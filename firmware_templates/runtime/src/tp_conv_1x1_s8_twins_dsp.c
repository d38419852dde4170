/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

static inline uint32_t word(const int8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Activations as pairs (x0, x2), (x1, x3). Those behind the last meet weights 0. */
static void expand(const int8_t *input, int32_t taps, uint32_t *pairs)
{
    const int8_t *const end = input + taps / 8 * 8;
    for (; input != end; input += 8) {
        const uint32_t x = word(input), y = word(input + 4);
        pairs[0] = tp_sxtb16(x);
        pairs[1] = tp_sxtb16_ror8(x);
        pairs[2] = tp_sxtb16(y);
        pairs[3] = tp_sxtb16_ror8(y);
        pairs += 4;
    }
    for (int32_t left = taps % 8; left > 0; left -= 4) {
        uint32_t x = 0;
        memcpy(&x, input, (size_t)(left < 4 ? left : 4));
        *pairs++ = tp_sxtb16(x);
        *pairs++ = tp_sxtb16_ror8(x);
        input += 4;
    }
}

void tp_conv_1x1_s8_twins_dsp(const tp_layer *layer, const uint32_t *weights, const int8_t *input, int8_t *output,
                              void *scratch)
{
    static const tp_five_map interleaved = {0, 0};
    const int32_t pixels = layer->out_height * layer->out_width, taps = layer->in_channels, fours = (taps + 3) / 4;
    const uint32_t last = weights[1] % TP_TWIN, *const carried = tp_carried(weights);
    int8_t *const map_output = output;
    for (int32_t pixel = 0; pixel < pixels; pixel++) {
        expand(input, taps, scratch);
        tp_twins job = {weights + 2, scratch, 2 * fours, output, 0, 1, (int32_t)(weights[1] / TP_TWIN), 1, {NULL, NULL}, 0, 0, 0, 0, 0};
        if (job.fours > 0) {
            tp_one_pixel_s8_twins_dsp(&job);
        }
        if (last) {
            int8_t outputs[TP_TWIN];
            job.weights += (TP_TWIN_NUMBERS + 4 * fours) * job.fours;
            job.output = outputs;
            const int32_t done = TP_TWIN * job.fours;
            job.fours = 1;
            tp_one_pixel_s8_twins_dsp(&job);
            memcpy(output + done, outputs, last);
        }
        if (carried) {
            const tp_carried_tile tile = {scratch, fours, 1, 1, 2, output, NULL, 1};
            tp_carried_channels_dsp(carried, &tile);
        }
        input += taps;
        output += layer->out_channels;
    }
    tp_clamp_map_dsp(layer, &interleaved, map_output);
}
