/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_pool.h"

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

/* y[c] = the larger of y[c] and x[c] */
static void raise_to(int16_t *y, const int16_t *x, int32_t channels)
{
    const int16_t *const end = x + channels;
    do {
        *y = (int16_t)larger(*y, *x++);
        y++;
    } while (x != end);
}

void tp_max_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output)
{
    const int32_t channels = layer->in_channels, row_values = layer->in_width * channels;
    const bool clamped = layer->activation_min > INT16_MIN || layer->activation_max < INT16_MAX;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const tp_window w = tp_window_of(layer, out_row, out_column);
            const int16_t *x = input + w.first;
            memcpy(output, x, (size_t)channels * sizeof(*output));
            for (int32_t row = 0; row < w.rows; row++) {
                for (int32_t column = row == 0; column < w.columns; column++) {
                    raise_to(output, x + column * channels, channels);
                }
                x += row_values;
            }
            for (int32_t c = 0; clamped && c < channels; c++) {
                output[c] = (int16_t)tp_clamp(output[c], layer->activation_min, layer->activation_max);
            }
            output += channels;
        }
    }
}
