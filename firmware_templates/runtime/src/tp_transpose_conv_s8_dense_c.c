/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dot.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_phases.h"
#include "tp_runs.h"

#if defined(__GNUC__)
#define NEVER_INLINE __attribute__((noinline)) /* what it works on stays in registers */
#else
#define NEVER_INLINE
#endif

static NEVER_INLINE int32_t dot(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    return tp_dot(weights, x, taps, acc);
}

/* The kernel's [rows][columns] of inputs from (top, left) on, where there are none the zero point. */
static void gather(const tp_layer *phase, const int8_t *input, int32_t top, int32_t left, int8_t *patch)
{
    const int32_t channels = phase->in_channels, width = phase->in_width, taps = phase->kernel_width;
    const int32_t from = tp_clamp(-left, 0, taps), to = tp_clamp(width - left, from, taps);
    const uint32_t outside = (uint8_t)phase->input_zero_point * UINT32_C(0x01010101);
    for (int32_t row = top; row < top + phase->kernel_height; row++) {
        const int32_t inside = row >= 0 && row < phase->in_height ? to - from : 0;
        const int32_t before = inside > 0 ? from : taps;
        patch = tp_fill_run(patch, outside, before * channels);
        if (inside > 0) {
            tp_copy_run(patch, input + (row * width + left + from) * channels, inside * channels);
            patch = tp_fill_run(patch + inside * channels, outside, (taps - to) * channels);
        }
    }
}

/* All channels of one output pixel. */
static NEVER_INLINE void pixel(const tp_layer *layer, const int8_t *weights, const tp_channel *channels, const int8_t *patch,
                               int32_t taps, int8_t *output)
{
    int8_t *const end = output + layer->out_channels;
    const tp_range range = tp_range_of(layer);
    do {
        const int32_t bias = channels->bias;
        const int32_t acc = taps < TP_DOT_FEW ? tp_dot_few(weights, patch, taps, bias) : dot(weights, patch, taps, bias);
        *output++ = tp_output_within(range, acc, channels++);
        weights += taps;
    } while (output != end);
}

/* All output pixels of a phase; `layer` has its kernel, and no stride or padding. */
static void run_phase(const tp_layer *layer, const tp_layer *whole, tp_phase rows, tp_phase columns, const int8_t *weights,
                      const tp_channel *channels, const int8_t *input, int8_t *output, int8_t *patch)
{
    const int32_t taps = rows.taps * columns.taps * layer->in_channels, out_channels = layer->out_channels;
    const int8_t *same = NULL; /* as a pixel that sees no taps */
    for (int32_t i = 0, row = rows.first; row < layer->out_height; i++, row += whole->stride_height) {
        for (int32_t j = 0, column = columns.first; column < layer->out_width; j++, column += whole->stride_width) {
            int8_t *const to = output + (row * layer->out_width + column) * out_channels;
            if (same) {
                tp_copy_run(to, same, out_channels);
                continue;
            }
            gather(layer, input, rows.begin + i, columns.begin + j, patch);
            pixel(layer, weights, channels, patch, taps, to);
            same = taps == 0 ? to : NULL;
        }
    }
}

void tp_transpose_conv_s8_dense_c(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                  const int8_t *input, int8_t *output, void *scratch)
{
    tp_layer phase = *layer;
    phase.stride_height = phase.stride_width = 1;
    phase.pad_top = phase.pad_left = 0;
    for (int32_t i = 0; i < layer->stride_height; i++) {
        const tp_phase rows = tp_phase_of(i, layer->kernel_height, layer->stride_height, layer->pad_top);
        for (int32_t j = 0; j < layer->stride_width; j++) {
            const tp_phase columns = tp_phase_of(j, layer->kernel_width, layer->stride_width, layer->pad_left);
            phase.kernel_height = rows.taps;
            phase.kernel_width = columns.taps;
            run_phase(&phase, layer, rows, columns, weights, channels, input, output, scratch);
            weights += layer->out_channels * rows.taps * columns.taps * layer->in_channels;
            channels += layer->out_channels;
        }
    }
}
