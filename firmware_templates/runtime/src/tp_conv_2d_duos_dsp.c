/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_band.h"
#include "tp_kernels_dsp.h"

/* Rows of outputs [count][width][out_channels]: tiles inside of a row together, and those that go on in the next row. */
static void run_rows(const tp_duos *duos, int32_t count, int32_t width, const int8_t *const rows[], int32_t column_step,
                     int32_t out_channels, int8_t *output)
{
    const int32_t number = duos->engine->pixels;
    int32_t left = count * width, row = 0, column = 0;
    while (left > 0) {
        const int8_t *pixels[TP_DUO_PIXELS];
        int8_t *places[TP_DUO_PIXELS];
        const int32_t inside = (width - column) / number * number;
        if (inside > 0) {
            for (int32_t i = 0; i < number; i++) {
                pixels[i] = rows[row] + (column + i) * column_step;
                places[i] = output + i * out_channels;
            }
            duos->engine->tiles(duos, inside / number, pixels, number * column_step, places, number * out_channels);
            output += inside * out_channels;
            left -= inside;
            column = column + inside < width ? column + inside : 0;
            row += column == 0;
            continue;
        }
        for (int32_t i = 0; i < number; i++) {
            pixels[i] = rows[row] + column * column_step;
            places[i] = output;
            if (--left > 0) { /* else that pixel is computed again */
                output += out_channels;
                column = column + 1 < width ? column + 1 : 0;
                row += column == 0;
            }
        }
        tp_duos_tile_dsp(duos, pixels, places);
    }
}

/* As many rows as a tile has pixels: those of one column are a tile. */
static void run_columns(const tp_duos *duos, int32_t strip_tiles, int32_t width, const int8_t *const rows[], int32_t column_step,
                        int32_t out_channels, int8_t *output)
{
    const int8_t *pixels[TP_DUO_PIXELS];
    int8_t *places[TP_DUO_PIXELS];
    for (int32_t column = 0; column < width; column += strip_tiles) {
        for (int32_t i = 0; i < duos->engine->pixels; i++) {
            pixels[i] = rows[i] + column * column_step;
            places[i] = output + (i * width + column) * out_channels;
        }
        const int32_t left = width - column;
        tp_duos_strip_dsp(duos, left < strip_tiles ? left : strip_tiles, pixels, places, out_channels);
    }
}

/* Of one of so many pieces. */
static int32_t groups_of(const tp_duo_engine *engine, int32_t taps, int32_t pieces)
{
    const int32_t fours = (taps + 3) / 4;
    return engine->groups_in_four == 1 ? fours : 2 * fours - (pieces > 1 && taps % 4 == 1);
}

void tp_conv_2d_duos_dsp(const tp_duo_engine *engine, const tp_layer *layer, const tp_five_map *map, const uint32_t *weights,
                         const int8_t *input, int8_t *output, void *scratch)
{
    const int32_t kernel_row_taps = layer->kernel_width * layer->in_channels, taps = layer->kernel_height * kernel_row_taps;
    const int32_t column_step = layer->stride_width * layer->in_channels;
    const int direct = layer->kernel_height == 1 && layer->kernel_width == 1 && layer->stride_height == 1
                       && layer->stride_width == 1 && layer->out_height == layer->in_height
                       && layer->out_width == layer->in_width && (taps & 3) == 0;
    const int shared = tp_shares_columns(layer);
    const int side_by_side = shared || ((layer->dilation_width == 1 || layer->kernel_width == 1)
                                        && (engine->groups_in_four == 2 || (kernel_row_taps & 3) == 0));
    const int32_t columns = shared ? layer->kernel_width : 1;
    const int32_t pieces = side_by_side ? layer->kernel_height : 1;
    const int32_t piece_groups = groups_of(engine, taps / columns / pieces, pieces), groups = pieces * piece_groups;
    const int32_t strip_tiles = shared ? tp_strip_tiles(layer, 4 * engine->group_words * groups) : 1;
    const int32_t strip_columns = (strip_tiles - 1) * layer->stride_width + columns;
    const int32_t band_width =
        (layer->out_width - 1) * layer->stride_width + (layer->kernel_width - 1) * layer->dilation_width + 1;
    const int32_t row_bytes = (direct ? layer->in_width : band_width) * layer->in_channels;
    int8_t *const patches = (int8_t *)scratch + 4 * engine->group_words * groups * strip_columns;
    const int32_t patches_bytes = side_by_side ? 0 : engine->pixels * 4 * groups / engine->groups_in_four;
    int8_t *const band = patches + patches_bytes;
    const tp_duos duos = {scratch, groups, piece_groups, layer->dilation_height * row_bytes, weights,
                          map->slots ? 5 * map->slots : 1, layer, side_by_side ? NULL : patches, engine, tp_carried(weights),
                          columns};
    if (direct && !map->slots) {
        run_rows(&duos, 1, layer->out_height * layer->out_width, &input, column_step, layer->out_channels, output);
        tp_clamp_map_dsp(layer, map, output);
        return;
    }
    if (!side_by_side) {
        memset(patches, 0, (size_t)patches_bytes); /* what is behind the taps meets weights 0 */
    }
    const int32_t row_step = layer->stride_height * row_bytes;
    const int32_t height =
        (engine->rows - 1) * layer->stride_height + (layer->kernel_height - 1) * layer->dilation_height + 1;
    int8_t *const map_output = output;
    for (int32_t row = 0; row < layer->out_height; row += engine->rows) {
        const int8_t *x = band;
        if (direct) {
            x = input + row * row_bytes;
        } else {
            const int32_t down = row ? engine->rows * layer->stride_height : height;
            tp_fill_band(layer, input, row * layer->stride_height - layer->pad_top, band, height, band_width, down);
        }
        const int32_t left = layer->out_height - row, count = left < engine->rows ? left : engine->rows;
        const int8_t *rows[TP_DUO_ROWS];
        for (int32_t i = 0; i < count; i++) {
            rows[i] = x + i * row_step;
        }
        if (map->slots) {
            const tp_five_map where = {map->slots, map->first + row};
            tp_duos_rows_dsp(&duos, &where, count, rows, column_step, output);
        } else if (shared && count == engine->pixels) {
            run_columns(&duos, strip_tiles, layer->out_width, rows, column_step, layer->out_channels, output);
            output += count * layer->out_width * layer->out_channels;
        } else {
            run_rows(&duos, count, layer->out_width, rows, column_step, layer->out_channels, output);
            output += count * layer->out_width * layer->out_channels;
        }
    }
    tp_clamp_map_dsp(layer, map, map_output);
}
