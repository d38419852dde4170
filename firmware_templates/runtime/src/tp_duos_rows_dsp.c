/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_kernels_dsp.h"

#define PIXELS (TP_TILE_PIXELS * TP_DUO_ROWS)
#define BEHIND (TP_DUO_PIXELS - 1)

/* In the order of the map's bytes, so that most tiles' outputs lie side by side: the words of all rows, then column 4. */
void tp_duos_rows_dsp(const tp_duos *layer, const tp_five_map *map, int32_t count, const int8_t *const rows[TP_DUO_ROWS],
                      int32_t column_step, int8_t *output)
{
    const int8_t *pixels[PIXELS + BEHIND];
    int8_t *places[PIXELS + BEHIND], *const words = output + 4 * map->first, *const bytes = output + 4 * map->slots + map->first;
    const int32_t last = TP_TILE_PIXELS * count;
    for (int32_t row = 0; row < count; row++) {
        const int8_t *x = rows[row];
        for (int32_t i = 0; i < 4; i++) { /* columns 0 2 1 3 */
            pixels[4 * row + i] = x + column_step * ((i & 1) << 1 | i >> 1);
            places[4 * row + i] = words + 4 * row + i;
        }
        pixels[4 * count + row] = x + 4 * column_step;
        places[4 * count + row] = bytes + row;
    }
    for (int32_t i = last; i < last + BEHIND; i++) { /* the last pixel is computed again where a tile has no other */
        pixels[i] = pixels[last - 1];
        places[i] = places[last - 1];
    }
    for (int32_t first = 0; first < last; first += layer->engine->pixels) {
        if (layer->engine->pixels != 2) {
            tp_duos_tile_dsp(layer, pixels + first, places + first);
            continue;
        }
        const int32_t tiles = first < 4 * count ? 2 : 1; /* columns 0 and 2, and 1 and 3 */
        layer->engine->tiles(layer, tiles, pixels + first, column_step, places + first, 2);
        first += 2 * (tiles - 1);
    }
}
