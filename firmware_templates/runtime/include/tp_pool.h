/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What pools share: a window over each channel of a map, and means. */
#ifndef TP_POOL_H
#define TP_POOL_H

#include <stdint.h>

#include "tp_kernels.h"

/* What of a window is inside the map: `rows` of `columns` pixels, from value `first` on. */
typedef struct tp_window {
    int32_t rows, columns, first;
} tp_window;

static inline tp_window tp_window_of(const tp_layer *layer, int32_t out_row, int32_t out_column)
{
    const int32_t top = out_row * layer->stride_height - layer->pad_top;
    const int32_t left = out_column * layer->stride_width - layer->pad_left;
    const int32_t bottom = top + layer->kernel_height, right = left + layer->kernel_width;
    const int32_t first_row = top > 0 ? top : 0, first_column = left > 0 ? left : 0;
    return (tp_window){(bottom < layer->in_height ? bottom : layer->in_height) - first_row,
                       (right < layer->in_width ? right : layer->in_width) - first_column,
                       (first_row * layer->in_width + first_column) * layer->in_channels};
}

/* For means of `count` values: a multiplication takes less time than a division. */
typedef struct tp_divisor {
    int32_t count;
    uint32_t half, reciprocal;
} tp_divisor;

/* k of a reciprocal: with r = 2^k / count rounded down, and 1, n * r >> k is n / count while n * count <= 2^k. */
#define TP_BITS_S8 24
#define TP_BITS_S16 31

/* Of so many int16 values at most: (32768 * 255 + 127) * 255 < 2^31. */
#define TP_MOST_S16 255

static inline tp_divisor tp_divisor_of(int32_t count, int32_t bits)
{
    return (tp_divisor){count, (uint32_t)count / 2, (UINT32_C(1) << bits) / (uint32_t)count + 1};
}

/* total / by.count to the nearest, ties away from zero; the quotient of sizes is DIVIDE(size). */
#define TP_MEAN(total, by, DIVIDE)                                                           \
    const int32_t tp_sign = (total) >> 31;                                                   \
    const uint32_t tp_size = (uint32_t)(((total) ^ tp_sign) - tp_sign) + (by).half;          \
    return ((int32_t)(DIVIDE) ^ tp_sign) - tp_sign

static inline int32_t tp_mean_s8(int32_t total, tp_divisor by)
{
    TP_MEAN(total, by, tp_size * by.reciprocal >> TP_BITS_S8);
}

static inline int32_t tp_mean_s16(int32_t total, tp_divisor by)
{
    TP_MEAN(total, by, (uint64_t)tp_size * by.reciprocal >> TP_BITS_S16);
}

/* The same of any count, by a division. */
static inline int32_t tp_divided(int32_t total, int32_t count)
{
    return (total + (total > 0 ? count / 2 : -(count / 2))) / count;
}

#endif
