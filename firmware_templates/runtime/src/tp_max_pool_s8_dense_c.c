/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>
#include <string.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_pool.h"

/* y[c] = the larger of y[c] and x[c], four channels at a time. */
static void raise_to(int8_t *y, const int8_t *x, int32_t channels)
{
    int32_t c = 0;
    for (; c + 4 <= channels; c += 4) {
        tp_store4(y + c, tp_max4(tp_load4(y + c), tp_load4(x + c)));
    }
    for (; c < channels; c++) {
        y[c] = x[c] > y[c] ? x[c] : y[c];
    }
}

void tp_max_pool_s8_dense_c(const tp_layer *layer, const int8_t *input, int8_t *output)
{
    const int32_t channels = layer->in_channels, row_bytes = layer->in_width * channels;
    const bool clamped = layer->activation_min > INT8_MIN || layer->activation_max < INT8_MAX;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const tp_window w = tp_window_of(layer, out_row, out_column);
            const int8_t *x = input + w.first;
            memcpy(output, x, (size_t)channels);
            for (int32_t row = 0; row < w.rows; row++) {
                for (int32_t column = row == 0; column < w.columns; column++) {
                    raise_to(output, x + column * channels, channels);
                }
                x += row_bytes;
            }
            for (int32_t c = 0; clamped && c < channels; c++) {
                output[c] = (int8_t)tp_clamp(output[c], layer->activation_min, layer->activation_max);
            }
            output += channels;
        }
    }
}
