/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"
#include "tp_pool.h"

/* y[c] = the larger of y[c] and x[c], four channels at a time. */
TP_NOINLINE void raise_to(int16_t *y, const int16_t *x, int32_t channels)
{
    for (; channels >= 4; channels -= 4) {
        const uint32_t low = tp_max2(tp_load4((int8_t *)y), tp_load4((const int8_t *)x));
        const uint32_t high = tp_max2(tp_load4((int8_t *)(y + 2)), tp_load4((const int8_t *)(x + 2)));
        tp_store4((int8_t *)y, low);
        tp_store4((int8_t *)(y + 2), high);
        x += 4;
        y += 4;
    }
    for (; channels > 0; channels--) {
        *y = *x > *y ? *x : *y;
        x++;
        y++;
    }
}

/* All values limited, two at a time; the last one maybe twice. */
static void limit(int16_t *y, int32_t count, int32_t low, int32_t high)
{
    const uint32_t lows = (uint32_t)(low & 0xffff) * 0x00010001u, highs = (uint32_t)(high & 0xffff) * 0x00010001u;
    int16_t *const last = y + count - 1;
    for (; y < last; y += 2) {
        tp_store4((int8_t *)y, tp_min2(tp_max2(tp_load4((int8_t *)y), lows), highs));
    }
    *last = (int16_t)tp_clamp(*last, low, high);
}

void tp_max_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output)
{
    const int32_t channels = layer->in_channels, low = layer->activation_min, high = layer->activation_max;
    int16_t *const first = output;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const tp_window w = tp_window_of(layer, out_row, out_column);
            const int16_t *x = input + w.first;
            memcpy(output, x, (size_t)channels * sizeof(*output));
            for (int32_t row = 0; row < w.rows; row++) {
                for (int32_t column = row == 0; column < w.columns; column++) {
                    raise_to(output, x + column * channels, channels);
                }
                x += layer->in_width * channels;
            }
            output += channels;
        }
    }
    if (low > INT16_MIN || high < INT16_MAX) {
        limit(first, layer->out_height * layer->out_width * channels, low, high);
    }
}
