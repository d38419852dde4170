/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>
#include <string.h>

#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
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
        const int32_t top = out_row * layer->stride_height - layer->pad_top;
        const int32_t first_row = larger(top, 0), end_row = smaller(top + layer->kernel_height, layer->in_height);
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const int32_t left = out_column * layer->stride_width - layer->pad_left;
            const int32_t first = larger(left, 0), end = smaller(left + layer->kernel_width, layer->in_width);
            const int16_t *x = input + first_row * row_values + first * channels;
            memcpy(output, x, (size_t)channels * sizeof(*output));
            for (int32_t row = first_row; row < end_row; row++) {
                for (int32_t column = row == first_row; column < end - first; column++) {
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
