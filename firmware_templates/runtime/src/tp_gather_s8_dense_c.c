/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_kernels.h"
#include "tp_runs.h"

static void gather_row(const tp_table *table, const int32_t *columns, const int8_t *source, int8_t *target)
{
    const int32_t size = table->size;
    if (size == 1) {
        for (int32_t column = 0; column < table->columns; column++) {
            target[column] = source[columns[column]];
        }
        return;
    }
    for (int32_t column = 0; column < table->columns; column++) {
        tp_copy_run(target, source + columns[column], size);
        target += size;
    }
}

void tp_gather_s8_dense_c(const tp_table *table, const int32_t *rows, const int32_t *columns, const void *source,
                          void *target)
{
    const int8_t *from = source;
    int8_t *to = target;
    const int32_t row_bytes = table->columns * table->size;
    for (int32_t block = 0; block < table->outer; block++) {
        for (int32_t row = 0; row < table->rows; row++) {
            if (row > 0 && rows[row] == rows[row - 1]) {
                memcpy(to, to - row_bytes, (size_t)row_bytes);
            } else {
                gather_row(table, columns, from + rows[row], to);
            }
            to += row_bytes;
        }
        from += table->stride;
    }
}
