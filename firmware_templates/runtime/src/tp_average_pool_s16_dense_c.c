/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
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

void tp_average_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output)
{
    const int32_t channels = layer->in_channels;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        const int32_t top = out_row * layer->stride_height - layer->pad_top;
        const int32_t first_row = larger(top, 0), end_row = smaller(top + layer->kernel_height, layer->in_height);
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const int32_t left = out_column * layer->stride_width - layer->pad_left;
            const int32_t first = larger(left, 0), end = smaller(left + layer->kernel_width, layer->in_width);
            const int32_t count = (end_row - first_row) * (end - first);
            for (int32_t c = 0; c < channels; c++) {
                int32_t sum = 0;
                for (int32_t row = first_row; row < end_row; row++) {
                    const int16_t *x = input + (row * layer->in_width + first) * channels + c;
                    for (int32_t column = first; column < end; column++) {
                        sum += *x;
                        x += channels;
                    }
                }
                sum += sum > 0 ? count / 2 : -(count / 2);
                *output++ = (int16_t)tp_clamp(sum / count, layer->activation_min, layer->activation_max);
            }
        }
    }
}
