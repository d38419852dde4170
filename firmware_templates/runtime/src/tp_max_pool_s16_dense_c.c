/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <stdbool.h>

#include "tp_dsp.h"
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"
#include "tp_loops.h"
#include "tp_pool.h"

/* The largest values of four neighbouring channels, each two as a word; x is the window's first value. */
TP_NOINLINE void largest_four(const tp_layer *layer, const tp_window *w, const int16_t *x, int16_t *output)
{
    const int32_t step = layer->in_channels, row_step = (layer->in_width - w->columns) * step;
    uint32_t low = tp_load4((const int8_t *)x), high = tp_load4((const int8_t *)(x + 2));
    int32_t rows = w->rows;
    do {
        int32_t columns = w->columns;
        do {
            const uint32_t next_low = tp_load4((const int8_t *)x), next_high = tp_load4((const int8_t *)(x + 2));
            low = tp_max2(low, next_low);
            high = tp_max2(high, next_high);
            x += step;
        } while (--columns != 0);
        x += row_step;
    } while (--rows != 0);
    tp_store4((int8_t *)output, low);
    tp_store4((int8_t *)(output + 2), high);
}

/* Of one channel. */
TP_NOINLINE int16_t largest(const tp_layer *layer, const tp_window *w, const int16_t *x)
{
    const int32_t step = layer->in_channels, row_step = (layer->in_width - w->columns) * step;
    int32_t most = *x, rows = w->rows;
    do {
        int32_t columns = w->columns;
        do {
            most = *x > most ? *x : most;
            x += step;
        } while (--columns != 0);
        x += row_step;
    } while (--rows != 0);
    return (int16_t)most;
}

/* All channels, mostly four at a time. The last four may have one that is there. */
static void pool(const tp_layer *layer, const tp_window *w, const int16_t *x, int16_t *output)
{
    const int32_t channels = layer->in_channels;
    int32_t c = 0;
    for (; channels >= 4 && channels - c >= 3; c += 4) {
        c = c + 4 <= channels ? c : channels - 4;
        largest_four(layer, w, x + c, output + c);
    }
    for (; c < channels; c++) {
        output[c] = largest(layer, w, x + c);
    }
}

void tp_max_pool_s16_dense_c(const tp_layer *layer, const int16_t *input, int16_t *output)
{
    const int32_t channels = layer->in_channels, low = layer->activation_min, high = layer->activation_max;
    const bool clamped = low > INT16_MIN || high < INT16_MAX;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const tp_window w = tp_window_of(layer, out_row, out_column);
            pool(layer, &w, input + w.first, output);
            for (int32_t c = 0; clamped && c < channels; c++) {
                output[c] = (int16_t)tp_clamp(output[c], low, high);
            }
            output += channels;
        }
    }
}
