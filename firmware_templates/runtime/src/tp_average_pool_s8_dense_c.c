/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

/* Taps of a window of which sums of bytes, 255 at most, fit a halfword. */
#define FEW 257

/* What of a window is inside the map: `rows` of `columns` pixels. */
typedef struct window {
    int32_t rows, columns, row_bytes, channels;
} window;

static int32_t larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static int32_t smaller(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Sums of one channel, whose first value is *x. */
static int32_t sum(const window *w, const int8_t *x)
{
    int32_t total = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        for (int32_t column = 0; column < w->columns; column++) {
            total += x[column * w->channels];
        }
        x += w->row_bytes;
    }
    return total;
}

/* Of four neighbouring channels: as values of 0 to 255, two sums in the halves of a word. */
static void sum_four(const window *w, const int8_t *x, int32_t sums[4])
{
    const int32_t below = 128 * w->rows * w->columns;
    uint32_t even = 0, odd = 0;
    for (int32_t row = 0; row < w->rows; row++) {
        const int8_t *at = x;
        for (int32_t column = w->columns; column > 0; column--) {
            const uint32_t four = tp_load4(at) ^ UINT32_C(0x80808080);
            even += four & UINT32_C(0x00ff00ff);
            odd += four >> 8 & UINT32_C(0x00ff00ff);
            at += w->channels;
        }
        x += w->row_bytes;
    }
    sums[0] = (int32_t)(even & 0xffffu) - below;
    sums[1] = (int32_t)(odd & 0xffffu) - below;
    sums[2] = (int32_t)(even >> 16) - below;
    sums[3] = (int32_t)(odd >> 16) - below;
}

static int8_t mean(int32_t total, int32_t count, const tp_layer *layer)
{
    total += total > 0 ? count / 2 : -(count / 2);
    return (int8_t)tp_clamp(total / count, layer->activation_min, layer->activation_max);
}

/* All channels of an output pixel; x is the window's first value. */
static void pool(const tp_layer *layer, const window *w, const int8_t *x, int8_t *output)
{
    const int32_t count = w->rows * w->columns;
    int32_t c = 0;
    for (; count <= FEW && c + 4 <= w->channels; c += 4) {
        int32_t sums[4];
        sum_four(w, x + c, sums);
        for (int32_t i = 0; i < 4; i++) {
            output[c + i] = mean(sums[i], count, layer);
        }
    }
    for (; c < w->channels; c++) {
        output[c] = mean(sum(w, x + c), count, layer);
    }
}

void tp_average_pool_s8_dense_c(const tp_layer *layer, const int8_t *input, int8_t *output)
{
    const int32_t channels = layer->in_channels, row_bytes = layer->in_width * channels;
    for (int32_t out_row = 0; out_row < layer->out_height; out_row++) {
        const int32_t top = out_row * layer->stride_height - layer->pad_top;
        const int32_t first_row = larger(top, 0), end_row = smaller(top + layer->kernel_height, layer->in_height);
        for (int32_t out_column = 0; out_column < layer->out_width; out_column++) {
            const int32_t left = out_column * layer->stride_width - layer->pad_left;
            const int32_t first = larger(left, 0), end = smaller(left + layer->kernel_width, layer->in_width);
            const window w = {end_row - first_row, end - first, row_bytes, channels};
            pool(layer, &w, input + first_row * row_bytes + first * channels, output);
            output += channels;
        }
    }
}
