/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_pool.h"

/* Taps of a window of which sums of bytes, 255 at most, fit a halfword; (128 * 257 + 128) * 257 < 2^24, too. */
#define FEW 257

/* Sums of one channel, whose first value is *x. */
TP_NOINLINE int32_t sum(const tp_layer *layer, const tp_window *w, const int8_t *x)
{
    const int32_t step = layer->in_channels, row_step = (layer->in_width - w->columns) * step;
    int32_t total = 0, rows = w->rows;
    do {
        int32_t columns = w->columns;
        do {
            total += *x;
            x += step;
        } while (--columns != 0);
        x += row_step;
    } while (--rows != 0);
    return total;
}

/* Of four neighbouring channels: as values of 0 to 255, two sums in the halves of a word. */
TP_NOINLINE void sum_four(const tp_layer *layer, const tp_window *w, const int8_t *x, int32_t sums[4])
{
    const int32_t step = layer->in_channels, row_step = (layer->in_width - w->columns) * step;
    const int32_t below = 128 * w->rows * w->columns;
    uint32_t even = 0, odd = 0;
    int32_t rows = w->rows;
    do {
        int32_t columns = w->columns;
        do {
            const uint32_t four = tp_load4(x) ^ UINT32_C(0x80808080);
            even += four & UINT32_C(0x00ff00ff);
            odd += four >> 8 & UINT32_C(0x00ff00ff);
            x += step;
        } while (--columns != 0);
        x += row_step;
    } while (--rows != 0);
    sums[0] = (int32_t)(even & 0xffffu) - below;
    sums[1] = (int32_t)(odd & 0xffffu) - below;
    sums[2] = (int32_t)(even >> 16) - below;
    sums[3] = (int32_t)(odd >> 16) - below;
}

/* The means of all channels, mostly four at a time; x is the window's first value. The last four may have one that is there. */
TP_NOINLINE void pool(const tp_layer *layer, const tp_window *w, tp_divisor by, const int8_t *x, int8_t *output)
{
    const int32_t channels = layer->in_channels, low = layer->activation_min, high = layer->activation_max;
    int32_t c = 0;
    while (channels >= 4 && channels - c >= 3) {
        int32_t sums[4];
        c = c + 4 <= channels ? c : channels - 4;
        sum_four(layer, w, x + c, sums);
        for (int32_t i = 0; i < 4; i++) {
            output[c++] = (int8_t)tp_limit(tp_mean_s8(sums[i], by), low, high);
        }
    }
    for (; c < channels; c++) {
        output[c] = (int8_t)tp_limit(tp_mean_s8(sum(layer, w, x + c), by), low, high);
    }
}

/* The same of a window of many pixels. */
static void pool_many(const tp_layer *layer, const tp_window *w, const int8_t *x, int8_t *output)
{
    for (int32_t c = 0; c < layer->in_channels; c++) {
        const int32_t mean = tp_divided(sum(layer, w, x + c), w->rows * w->columns);
        output[c] = (int8_t)tp_clamp(mean, layer->activation_min, layer->activation_max);
    }
}

void tp_average_pool_s8_dense_c(const tp_layer *layer, const int8_t *input, int8_t *output)
{
    tp_divisor by = {0, 0, 0};
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const tp_window w = tp_window_of(layer, out_row, out_column);
            const int32_t count = w.rows * w.columns;
            if (count > FEW) {
                pool_many(layer, &w, input + w.first, output);
            } else {
                by = count == by.count ? by : tp_divisor_of(count, TP_BITS_S8);
                pool(layer, &w, by, input + w.first, output);
            }
            output += layer->in_channels;
        }
    }
}
