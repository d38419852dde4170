/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels_dsp.h"

/* A row of output pixels: where their activations and their outputs are. */
typedef struct line {
    int32_t width;
    const int8_t *input; /* the first tap of pixel 0 */
    int32_t input_step;  /* bytes to the next pixel */
    int8_t *output;      /* of pixel 0 */
    int32_t output_step, fifth; /* bytes to the next pixel; in a five-wide map: 0, and bytes to the fifth */
} line;

/* Five pixels from `first`; beyond the last one, that is computed again. from[0] is 0. */
static void locate(const line *l, int32_t first, int32_t from[TP_TILE_PIXELS], int32_t to[TP_TILE_PIXELS - 1])
{
    const int32_t last = l->width - 1 - first;
    from[0] = 0;
    for (int32_t i = 1; i < TP_TILE_PIXELS; i++) {
        const int32_t pixel = i < last ? i : last;
        from[i] = pixel * l->input_step;
        to[i - 1] = pixel * l->output_step;
    }
    if (l->output_step == 0) { /* columns 0 2 1 3 are a word */
        to[0] = 2;
        to[1] = 1;
        to[2] = 3;
        to[3] = l->fifth;
    }
}

/* One row [width][in_channels] of the band, beginning pad_left columns before the input's. */
static void fill_row(const tp_layer *layer, const int8_t *input, int32_t row, int8_t *band, int32_t width)
{
    const int32_t channels = layer->in_channels, left = layer->pad_left < width ? layer->pad_left : width;
    const int32_t inside = layer->in_width < width - left ? layer->in_width : width - left;
    memset(band, layer->input_zero_point, (size_t)(width * channels));
    if (row >= 0 && row < layer->in_height) {
        memcpy(band + left * channels, input + row * layer->in_width * channels, (size_t)(inside * channels));
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
        fill_row(layer, input, top + i * layer->dilation_height, band + i * row_bytes, width);
    }
}

/* The taps of one pixel side by side: those of a row of the kernel already are, without dilation. */
static void gather(const tp_layer *layer, const int8_t *band, int32_t row_bytes, int8_t *patch)
{
    const int32_t together = layer->dilation_width == 1 ? layer->kernel_width : 1;
    const int32_t bytes = together * layer->in_channels;
    for (int32_t i = 0; i < layer->kernel_height; i++) {
        for (int32_t j = 0; j < layer->kernel_width; j += together) {
            memcpy(patch, band + j * layer->dilation_width * layer->in_channels, (size_t)bytes);
            patch += bytes;
        }
        band += row_bytes;
    }
}

/* Five pixels of a band, expanded; whole groups in a row of the kernel need no patch. */
static void expand_band(const tp_five_engine *engine, const tp_layer *layer, const int8_t *band, int32_t row_bytes,
                        const int32_t from[TP_TILE_PIXELS], int32_t groups, int8_t *patches, uint32_t *expanded)
{
    const int32_t kernel_row_groups = layer->kernel_width * layer->in_channels / 4, patch_bytes = 4 * groups;
    if (layer->dilation_width == 1 && kernel_row_groups * layer->kernel_height == groups) {
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
        gather(layer, band + from[i], row_bytes, patches + steps[i]);
    }
    engine->expand(patches, steps + 1, groups, expanded);
}

static line line_of(const tp_layer *layer, const tp_five_map *map, int8_t *output, int32_t row)
{
    line l = {layer->out_width, NULL, layer->stride_width * layer->in_channels, NULL, layer->out_channels, 0};
    if (map->slots == 0) {
        l.output = output + row * layer->out_width * layer->out_channels;
    } else {
        const int32_t slot = map->first + row;
        l.output = output + 4 * slot;
        l.output_step = 0;
        l.fifth = 4 * map->slots - 3 * slot;
    }
    return l;
}

void tp_conv_2d_five_dsp(const tp_five_engine *engine, const tp_layer *layer, const tp_five_map *map,
                         const uint32_t *weights, const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t taps = layer->kernel_height * layer->kernel_width * layer->in_channels, groups = (taps + 3) / 4;
    const int direct = layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1
                       && layer->stride_width == 1 && layer->out_height == layer->in_height
                       && layer->out_width == layer->in_width && (taps & 3) == 0;
    const int32_t band_width =
        (layer->out_width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + engine->group_words * groups);
    int8_t *const band = patches + TP_TILE_PIXELS * 4 * groups;
    tp_five_pixels job = {weights, weights + weights[0], expanded, NULL, map->slots == 0 ? 1 : 5 * map->slots, {0},
                          map->slots != 0};
    if (!direct) {
        memset(patches, 0, (size_t)(TP_TILE_PIXELS * 4 * groups)); /* what is behind the taps meets weights 0 */
    }
    const int as_one_row = direct && map->slots == 0;
    for (int32_t row = 0; row < (as_one_row ? 1 : layer->out_height); row++) {
        line l = line_of(layer, map, output, row);
        l.width *= as_one_row ? layer->out_height : 1;
        if (direct) {
            l.input = input + row * layer->in_width * layer->in_channels;
        } else {
            fill_band(layer, input, row, band, band_width);
            l.input = band;
        }
        for (int32_t first = 0; first < l.width; first += TP_TILE_PIXELS) {
            int32_t from[TP_TILE_PIXELS];
            locate(&l, first, from, job.to);
            if (direct) {
                engine->expand(l.input + first * l.input_step, from + 1, groups, expanded);
            } else {
                expand_band(engine, layer, l.input + first * l.input_step, band_width * layer->in_channels, from, groups,
                            patches, expanded);
            }
            job.output = l.output + first * l.output_step;
            engine->run(&job);
        }
    }
}
