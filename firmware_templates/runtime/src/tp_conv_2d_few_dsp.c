/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_band.h"
#include "tp_few.h"

/* A row of `width` outputs, some at a time. */
static void run_row(const tp_few_engine *engine, const tp_few *row, int32_t width)
{
    tp_few job = *row;
    for (; width > 0; width -= job.pixels) {
        job.pixels = width < TP_FEW_PIXELS ? width : TP_FEW_PIXELS;
        engine->expand(&job);
        engine->pixels(&job);
        job.input += job.pixels * job.step;
        job.output += job.pixels * job.channels;
    }
}

void tp_conv_2d_few_dsp(const tp_few_engine *engine, const tp_layer *layer, const uint32_t *weights, const int8_t *input,
                        int8_t *output, void *scratch)
{
    static const tp_five_map interleaved = {0, 0};
    const int direct = layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1
                       && layer->stride_width == 1 && layer->out_height == layer->in_height
                       && layer->out_width == layer->in_width;
    const int32_t band_width = (layer->out_width - 1) * layer->stride_width + layer->kernel_width;
    const int32_t row_bytes = band_width * layer->in_channels, step = layer->stride_width * layer->in_channels;
    const int32_t words = engine->words;
    int8_t *const band = (int8_t *)scratch + 4 * words * TP_FEW_PIXELS;
    tp_few job = {weights, scratch, output, 0, layer->out_channels, words, band, step, layer->kernel_height == 1 ? 4 : row_bytes};
    if (direct) {
        job.input = input;
        run_row(engine, &job, layer->out_height * layer->out_width);
    } else {
        for (int32_t row = 0; row < layer->out_height; row++) {
            const int32_t down = row ? layer->stride_height : layer->kernel_height;
            tp_fill_band(layer, input, row * layer->stride_height - layer->pad_top, band, layer->kernel_height, band_width, down);
            run_row(engine, &job, layer->out_width);
            job.output += layer->out_width * layer->out_channels;
        }
    }
    tp_clamp_map_dsp(layer, &interleaved, output);
}
