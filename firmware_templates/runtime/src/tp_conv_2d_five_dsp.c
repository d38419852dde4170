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

/* Output rows [width] as one: the next pixel's activations, `step` bytes behind those of the pixel before, or row_step in the
 * next row. */
typedef struct tp_walk {
    const int8_t *x;
    int32_t width, column, step, row_step;
} tp_walk;

/* Bytes from the next pixel to the four behind it, of which `left` are there: the last one again where there are fewer. `regular`
 * is what they are inside of a row. */
static const int32_t *next_pixels(tp_walk *walk, int32_t left, const int32_t regular[TP_TILE_PIXELS - 1],
                                  int32_t from[TP_TILE_PIXELS - 1])
{
    const int8_t *const first = walk->x;
    const int32_t beyond = walk->column + TP_TILE_PIXELS - walk->width;
    if (beyond <= 0 && left >= TP_TILE_PIXELS) {
        walk->x += regular[TP_TILE_PIXELS - 2] + (beyond == 0 ? walk->row_step : walk->step);
        walk->column = beyond == 0 ? 0 : walk->column + TP_TILE_PIXELS;
        return regular;
    }
    for (int32_t i = 1; i <= TP_TILE_PIXELS; i++) {
        if (i < left) {
            const int ends = ++walk->column == walk->width;
            walk->x += ends ? walk->row_step : walk->step;
            walk->column = ends ? 0 : walk->column;
        }
        if (i < TP_TILE_PIXELS) {
            from[i - 1] = (int32_t)(walk->x - first);
        }
    }
    return from;
}

/* How many output rows are computed as one, so that at most one pixel in 16 is computed again, or where columns are shared as
 * many as a tile has pixels: five_conv.py knows it, too. */
static int32_t rows_together(const tp_layer *layer)
{
    int32_t rows = 1;
    if (tp_shares_columns(layer)) {
        return layer->out_height < TP_TILE_PIXELS ? layer->out_height : TP_TILE_PIXELS;
    }
    while (rows < layer->out_height && rows < TP_TILE_PIXELS) {
        const int32_t pixels = rows * layer->out_width, again = (TP_TILE_PIXELS - pixels % TP_TILE_PIXELS) % TP_TILE_PIXELS;
        if (16 * again <= pixels) {
            break;
        }
        rows++;
    }
    return rows;
}

/* A pixel's taps: `columns`, a pixel of the input each, of `rows` of row_groups groups, row_step bytes apart. There is one column,
 * of all taps in a row, but where columns are shared. With `patches` all taps are one row, gathered there, patch_step bytes a pixel. */
typedef struct tp_taps_of_pixel {
    const tp_five_engine *engine;
    const tp_layer *layer;
    int32_t columns, rows, row_groups, row_step;
    int8_t *patches;
    int32_t patch_step;
} tp_taps_of_pixel;

/* So many columns of five pixels of a band, or of the input itself. */
static void expand_columns(const tp_taps_of_pixel *taps, const int8_t *band, const int32_t from[TP_TILE_PIXELS - 1], int32_t columns,
                           uint32_t *expanded)
{
    for (; columns > 0; columns--) {
        const int8_t *x = band;
        for (int32_t left = taps->rows; left > 0; left--) {
            taps->engine->expand(x, from, taps->row_groups, expanded);
            x += taps->row_step;
            expanded += taps->engine->group_words * taps->row_groups;
        }
        band += taps->layer->in_channels;
    }
}

static void expand(const tp_taps_of_pixel *taps, const int8_t *band, const int32_t from[TP_TILE_PIXELS - 1], uint32_t *expanded)
{
    if (!taps->patches) {
        expand_columns(taps, band, from, taps->columns, expanded);
        return;
    }
    int32_t steps[TP_TILE_PIXELS - 1];
    for (int32_t i = 0; i < TP_TILE_PIXELS; i++) {
        const int32_t place = i * taps->patch_step, at = i == 0 ? 0 : from[i - 1];
        tp_gather(taps->layer, band + at, taps->row_step, taps->patches + place);
        if (i > 0) {
            steps[i - 1] = place;
        }
    }
    taps->engine->expand(taps->patches, steps, taps->row_groups, expanded);
}

static void run(const tp_taps_of_pixel *taps, tp_five_pixels *job)
{
    int8_t *const tile = job->output;
    taps->engine->run(job);
    if (job->carried) {
        tp_five_carried_dsp(job, tile, taps->columns * taps->rows * taps->row_groups);
    }
}

/* Five rows of outputs whose tiles share columns: pixels of one column are a tile, those of neighbouring columns a strip. */
static void run_columns(const tp_taps_of_pixel *taps, const int8_t *band, int32_t row_bytes, uint32_t *expanded,
                        const tp_five_pixels *before, int8_t *output)
{
    const tp_layer *const layer = taps->layer;
    const int32_t column_words = taps->engine->group_words * taps->rows * taps->row_groups;
    const int32_t most = tp_strip_tiles(layer, 4 * column_words);
    int32_t from[TP_TILE_PIXELS - 1];
    tp_five_pixels job = *before;
    locate(TP_TILE_PIXELS - 1, layer->stride_height * row_bytes, from);
    locate(TP_TILE_PIXELS - 1, layer->out_width * layer->out_channels, job.to);
    for (int32_t left = layer->out_width; left > 0; left -= most) {
        const int32_t tiles = left < most ? left : most;
        expand_columns(taps, band, from, (tiles - 1) * layer->stride_width + taps->columns, expanded);
        job.expanded = expanded;
        for (int32_t tile = 0; tile < tiles; tile++) {
            job.output = output;
            run(taps, &job);
            job.expanded += layer->stride_width * column_words;
            output += layer->out_channels;
        }
        band += tiles * layer->stride_width * layer->in_channels;
    }
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
    const int five_wide = map->slots != 0, shared = tp_shares_columns(layer);
    const int in_rows = (layer->dilation_width == 1 || layer->kernel_width == 1) && layer->kernel_width * layer->in_channels % 4 == 0;
    const int32_t columns = shared ? layer->kernel_width : 1, rows = in_rows ? layer->kernel_height : 1;
    const int32_t step = layer->stride_width * layer->in_channels, width = layer->out_width;
    const int32_t band_width = (width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    const int32_t row_bytes = (direct ? layer->in_width : band_width) * layer->in_channels;
    const int32_t together = five_wide ? 1 : direct ? layer->out_height : rows_together(layer);
    const int32_t height = (together - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    const int32_t column_words = engine->group_words * groups / columns;
    const int32_t more_columns = shared ? (tp_strip_tiles(layer, 4 * column_words) - 1) * layer->stride_width : 0;
    uint32_t *const expanded = scratch;
    int8_t *const patches = (int8_t *)(expanded + engine->group_words * groups + more_columns * column_words);
    int8_t *const band = patches + (in_rows ? 0 : TP_TILE_PIXELS * 4 * groups);
    const tp_taps_of_pixel of_pixel = {engine, layer, columns, rows, groups / columns / rows, layer->dilation_height * row_bytes,
                                       in_rows ? NULL : patches, 4 * groups};
    tp_five_pixels job = {weights, weights + *weights, expanded, NULL, five_wide ? 5 * map->slots : 1, {0}, five_wide,
                          tp_carried(weights)};
    if (!in_rows) {
        memset(patches, 0, (size_t)(TP_TILE_PIXELS * 4 * groups)); /* what is behind the taps meets weights 0 */
    }
    int32_t regular[TP_TILE_PIXELS - 1];
    locate(TP_TILE_PIXELS - 1, step, regular);
    int8_t *const map_output = output;
    for (int32_t row = 0; row < layer->out_height; row += together) {
        const int8_t *x = band;
        if (direct) {
            x = input + row * row_bytes;
        } else {
            const int32_t down = row ? together * layer->stride_height : height;
            tp_fill_band(layer, input, row * layer->stride_height - layer->pad_top, band, height, band_width, down);
        }
        const int32_t rows_left = layer->out_height - row, count = rows_left < together ? rows_left : together;
        if (shared && count == TP_TILE_PIXELS) {
            run_columns(&of_pixel, x, row_bytes, expanded, &job, output);
            output += count * width * layer->out_channels;
            continue;
        }
        tp_walk walk = {x, width, 0, step, layer->stride_height * row_bytes - (width - 1) * step};
        for (int32_t left = count * width; left > 0; left -= TP_TILE_PIXELS) {
            int32_t further[TP_TILE_PIXELS - 1];
            const int8_t *const first = walk.x;
            const int32_t *const from = next_pixels(&walk, left, regular, further);
            if (five_wide) {
                locate_row(map, row, output, &job);
            } else {
                if (left < TP_TILE_PIXELS || left == count * width) {
                    locate(left - 1, layer->out_channels, job.to);
                }
                job.output = output;
                output += (left < TP_TILE_PIXELS ? left : TP_TILE_PIXELS) * layer->out_channels;
            }
            if (of_pixel.columns * of_pixel.rows == 1 && in_rows) {
                engine->expand(first, from, groups, expanded);
            } else {
                expand(&of_pixel, first, from, expanded);
            }
            run(&of_pixel, &job);
        }
    }
    tp_clamp_map_dsp(layer, map, map_output);
}
