/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * The largest or smallest value over any axes. */
#ifndef TP_REDUCE_H
#define TP_REDUCE_H

#include "tp_dsp.h"
#include "tp_loops.h"

/* Four values, as they are or (~x = -1 - x) in reverse order, so that the largest stands for the smallest. */
TP_INLINE uint32_t tp_reduce_load(const int8_t *x, uint32_t flip)
{
    return tp_load4(x) ^ flip;
}

/* The largest of `largest` and of `count` times four neighbours at x, which moves on by `stride`. */
TP_NOINLINE uint32_t tp_reduce_column(uint32_t largest, const int8_t *x, int32_t count, int32_t stride, uint32_t flip)
{
    for (; count > 0; count--) {
        largest = tp_max4(largest, tp_reduce_load(x, flip));
        x += stride;
    }
    return largest;
}

/* Four results side by side. */
TP_INLINE uint32_t tp_reduce_fours(const tp_reduce *reduce, const int8_t *x, uint32_t flip)
{
    const int32_t count = reduce->reduced_2, stride = reduce->reduced_stride_2;
    uint32_t largest = tp_reduce_load(x, flip);
    for (int32_t i = 0; i < reduce->reduced_0; i++) {
        for (int32_t j = 0; j < reduce->reduced_1; j++) {
            const int8_t *from = x + i * reduce->reduced_stride_0 + j * reduce->reduced_stride_1;
            largest = tp_reduce_column(largest, from, count, stride, flip);
        }
    }
    return largest ^ flip;
}

/* One result. */
TP_INLINE int8_t tp_reduce_one(const tp_reduce *reduce, const int8_t *x, uint32_t flip)
{
    const int32_t count = reduce->reduced_2, stride = reduce->reduced_stride_2, flip_one = (int32_t)flip;
    int32_t largest = *x ^ flip_one;
    for (int32_t i = 0; i < reduce->reduced_0; i++) {
        for (int32_t j = 0; j < reduce->reduced_1; j++) {
            const int8_t *from = x + i * reduce->reduced_stride_0 + j * reduce->reduced_stride_1;
            int32_t k = 0;
            if (stride == 1 && count >= 8) {
                uint32_t four = tp_reduce_column(tp_reduce_load(from, flip), from + 4, count / 4 - 1, 4, flip);
                k = count & ~3;
                four = tp_max4(four, four >> 16);
                four = tp_max4(four, four >> 8);
                largest = (int8_t)(four & 0xffu) > largest ? (int8_t)(four & 0xffu) : largest;
            }
            for (; k < count; k++) {
                const int32_t value = from[k * stride] ^ flip_one;
                largest = value > largest ? value : largest;
            }
        }
    }
    return (int8_t)(largest ^ flip_one);
}

/* flip: 0 for the largest values, all ones for the smallest. */
TP_INLINE void tp_reduce_to_largest(const tp_reduce *reduce, const int8_t *input, int8_t *output, uint32_t flip)
{
    const int32_t results = reduce->kept_2;
    for (int32_t i = 0; i < reduce->kept_0; i++) {
        for (int32_t j = 0; j < reduce->kept_1; j++) {
            const int8_t *x = input + i * reduce->kept_stride_0 + j * reduce->kept_stride_1;
            if (reduce->kept_stride_2 == 1 && results >= 4) {
                for (int32_t k = 0; k < results; k += 4) {
                    const int32_t first = k < results - 4 ? k : results - 4; /* the last four overlap those before */
                    tp_store4(output + first, tp_reduce_fours(reduce, x + first, flip));
                }
            } else {
                for (int32_t k = 0; k < results; k++) {
                    output[k] = tp_reduce_one(reduce, x + k * reduce->kept_stride_2, flip);
                }
            }
            output += results;
        }
    }
}

#endif
