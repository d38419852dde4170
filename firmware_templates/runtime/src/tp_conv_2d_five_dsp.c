/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_band.h"
#include "tp_kernels_dsp.h"

/* Bytes from a pixel to the four behind it, of which there are `last`; beyond the last one, that is computed again. */
static void locate(int32_t last, int32_t step, int32_t bytes[TP_TILE_PIXELS - 1])
{
    for (int32_t i = 1; i < TP_TILE_PIXELS; i++) {
        bytes[i - 1] = (i < last ? i : last) * step;
    }
}

/* The input rows under the kernel in an output row; those that the row before had too are there already. */
static void fill_band(const tp_layer *layer, const int8_t *input, int32_t out_row, int8_t *band, int32_t width)
{
    const int32_t top = out_row * layer->stride_height - layer->pad_top, row_bytes = width * layer->in_channels;
    const int32_t shared = layer->kernel_height - layer->stride_height;
    int32_t kept = 0;
    if (out_row > 0 && layer->dilation_height == 1 && shared > 0) {
        kept = shared;
        memmove(band, band + layer->stride_height * row_bytes, (size_t)(kept * row_bytes));
    }
    for (int32_t i = kept; i < layer->kernel_height; i++) {
        tp_fill_row(layer, input, top + i * layer->dilation_height, band + i * row_bytes, width);
    }
}

/* Five pixels of a band, or of the input itself, expanded; whole groups in a row of the kernel need no patch. */
static void expand_band(const tp_five_engine *engine, const tp_layer *layer, const int8_t *band, int32_t row_bytes,
                        const int32_t from[TP_TILE_PIXELS], int32_t groups, int8_t *patches, uint32_t *expanded)
{
    const int32_t kernel_row_groups = layer->kernel_width * layer->in_channels / 4, patch_bytes = 4 * groups;
    if ((layer->dilation_width == 1 || layer->kernel_width == 1) && kernel_row_groups * layer->kernel_height == groups) {
        for (int32_t i = 0; i < layer->kernel_height; i++) {
            engine->expand(band, from + 1, kernel_row_groups, expanded);
            band += row_bytes;
            expanded += engine->group_words * kernel_row_groups;
        }
        return;
    }
    int32_t steps[TP_TILE_PIXELS];
    for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
        steps[i] = i * patch_bytes;
        tp_gather(layer, band + from[i], row_bytes, patches + steps[i]);
    }
    engine->expand(patches, steps + 1, groups, expanded);
}

/* Where the row's outputs are in a five-wide map: columns 0 2 1 3 are a word, the fifth is a byte. */
static void locate_row(const tp_five_map *map, int32_t row, int8_t *output, tp_five_pixels *job)
{
    const int32_t slot = map->first + row;
    job->output = output + 4 * slot;
    job->to[0] = 2;
    job->to[1] = 1;
    job->to[2] = 3;
    job->to[3] = 4 * map->slots - 3 * slot;
}

void tp_conv_2d_five_dsp(const tp_five_engine *engine, const tp_layer *layer, const tp_five_map *map,
                         const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels, groups = (taps + 3) / 4;
    const int direct = layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1
                       && layer->stride_width == 1 && layer->out_height == layer->in_height
                       && layer->out_width == layer->in_width && (taps & 3) == 0;
    const int five_wide = map->slots != 0, as_one_row = direct && !five_wide;
    const int32_t height = as_one_row ? 1 : layer->out_height;
    const int32_t width = as_one_row ? layer->out_width * layer->out_height : layer->out_width;
    const int32_t input_step = layer->stride_width * layer->in_channels;
    const int32_t band_width =
        (layer->out_width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + engine->group_words * groups);
    int8_t *const band = patches + TP_TILE_PIXELS * 4 * groups;
    tp_five_pixels job = {weights, weights + *weights, expanded, NULL, five_wide ? 5 * map->slots : 1, {0}, five_wide,
                          tp_carried(weights)};
    if (!direct) {
        memset(patches, 0, (size_t)(TP_TILE_PIXELS * 4 * groups)); /* what is behind the taps meets weights 0 */
    }
    int8_t *const map_output = output;
    for (int32_t row = 0; row < height; row++) {
        const int8_t *x = input + row * layer->in_width * layer->in_channels;
        if (!direct) {
            fill_band(layer, input, row, band, band_width);
            x = band;
        }
        for (int32_t left = width; left > 0; left -= TP_TILE_PIXELS) {
            int32_t from[TP_TILE_PIXELS] = {0};
            locate(left - 1, input_step, from + 1);
            if (five_wide) {
                locate_row(map, row, output, &job);
            } else {
                locate(left - 1, layer->out_channels, job.to);
                job.output = output;
                output += (left < TP_TILE_PIXELS ? left : TP_TILE_PIXELS) * layer->out_channels;
            }
            expand_band(engine, layer, x, band_width * layer->in_channels, from, groups, patches, expanded);
            int8_t *const tile = job.output;
            engine->run(&job);
            if (job.carried) {
                tp_five_carried_dsp(&job, tile, groups);
            }
            x += TP_TILE_PIXELS * input_step;
        }
    }
    tp_clamp_map_dsp(layer, map, map_output);
}
