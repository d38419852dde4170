/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_phases.h"
#include "tp_s16.h"

TP_NOINLINE int64_t dot(const int8_t *weights, const int16_t *x, int32_t taps, int64_t acc)
{
    return tp_wide_dot(weights, x, taps, acc);
}

/* Of the taps of a phase, whose first is at `begin` of the input: those that lie on it begin with number `from` and end before `to`. */
typedef struct span {
    int32_t begin, from, to;
} span;

static span inside(int32_t begin, int32_t taps, int32_t size)
{
    return (span){begin, begin < 0 ? -begin : 0, taps < size - begin ? taps : size - begin};
}

/* All channels of an output pixel, of whose kernel [rows][columns] of a phase `down` and `right` lie on the input. */
static void pixel(const tp_layer *layer, int32_t rows, int32_t columns, span down, span right, const int8_t *weights,
                  const tp_wide_channel *channels, const int16_t *input, int16_t *y)
{
    const int32_t run = (right.to - right.from) * layer->in_channels; /* 0 or less: nothing lies there */
    for (int32_t o = 0; o < layer->out_channels; o++) {
        int64_t acc = tp_wide_bias(&channels[o]);
        for (int32_t tap = down.from; tap < down.to && run > 0; tap++) {
            const int32_t w = ((o * rows + tap) * columns + right.from) * layer->in_channels;
            const int32_t x = ((down.begin + tap) * layer->in_width + right.begin + right.from) * layer->in_channels;
            acc = dot(weights + w, input + x, run, acc);
        }
        y[o] = tp_wide_output(acc, &channels[o], layer);
    }
}

static void run_phase(const tp_layer *layer, tp_phase rows, tp_phase columns, const int8_t *weights,
                      const tp_wide_channel *channels, const int16_t *input, int16_t *output)
{
    for (int32_t i = rows.begin, row = rows.first; row < layer->out_height; i++, row += layer->stride_height) {
        const span down = inside(i, rows.taps, layer->in_height);
        for (int32_t j = columns.begin, column = columns.first; column < layer->out_width; j++, column += layer->stride_width) {
            const span right = inside(j, columns.taps, layer->in_width);
            pixel(layer, rows.taps, columns.taps, down, right, weights, channels, input,
                  output + (row * layer->out_width + column) * layer->out_channels);
        }
    }
}

void tp_transpose_conv_s16_dense_c(const tp_layer *layer, const int8_t *weights, const tp_wide_channel *channels,
                                   const int16_t *input, int16_t *output, void *scratch)
{
    (void)scratch;
    for (int32_t i = 0; i < layer->stride_height; i++) {
        const tp_phase rows = tp_phase_of(i, layer->kernel_height, layer->stride_height, layer->pad_top);
        for (int32_t j = 0; j < layer->stride_width; j++) {
            const tp_phase columns = tp_phase_of(j, layer->kernel_width, layer->stride_width, layer->pad_left);
            run_phase(layer, rows, columns, weights, channels, input, output);
            weights += layer->out_channels * rows.taps * columns.taps * layer->in_channels;
        }
    }
}
