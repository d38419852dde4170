/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

/* bytes is a multiple of 64. */
static void copy(const int8_t *from, int32_t bytes, int8_t *to)
{
#if TP_DSP /* in half the time of memcpy */
    const int8_t *const end = from + bytes;
    __asm__ volatile("1:\n\t"
                     "ldm %0!, {r3-r6, r8, r10, r12, lr}\n\t"
                     "stm %1!, {r3-r6, r8, r10, r12, lr}\n\t"
                     "cmp %0, %2\n\t"
                     "bne 1b"
                     : "+&r"(from), "+&r"(to)
                     : "r"(end)
                     : "r3", "r4", "r5", "r6", "r8", "r10", "r12", "lr", "cc", "memory");
#else
    memcpy(to, from, (size_t)bytes);
#endif
}

void tp_conv_1x1_row_duos_dsp(const tp_duo_engine *engine, const tp_five_rows *layer, const uint32_t *weights, const int8_t *row,
                              int8_t *map, void *scratch, int32_t iteration)
{
    const int upwards = layer->first_out > layer->first_in;
    const int32_t groups = layer->channels / 4 * engine->groups_in_four, number = iteration % engine->rows;
    const int32_t row_bytes = (layer->channels + TP_ROW_CHANNELS - 1) / TP_ROW_CHANNELS * TP_ROW_GROUP_BYTES;
    uint32_t *const expanded = scratch;
    int8_t *const kept = (int8_t *)(expanded + engine->group_words * groups);
    if (number < engine->rows - 1 && iteration < layer->height - 1) {
        copy(row, row_bytes, kept + number * row_bytes);
        return;
    }
    const int8_t *rows[TP_DUO_ROWS];
    for (int32_t i = 0; i <= number; i++) {
        rows[upwards ? number - i : i] = i < number ? kept + i * row_bytes : row;
    }
    const int32_t top = upwards ? layer->height - 1 - iteration : iteration - number;
    const tp_five_map where = {layer->slots, layer->first_out + top};
    const tp_duos duos = {expanded, groups, TP_ROW_CHANNELS / 4 * engine->groups_in_four, TP_ROW_GROUP_BYTES, weights, 5 * layer->slots, NULL, NULL,
                          engine, tp_carried(weights), 1};
    tp_duos_rows_dsp(&duos, &where, number + 1, rows, TP_ROW_CHANNELS, map);
}
