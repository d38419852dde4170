/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_fixed_point.h"
#include "tp_kernels_s16.h"

/* The sum of all that is reduced to one result. */
static int32_t sum_one(const tp_reduce *reduce, const int16_t *x)
{
    const int32_t stride = reduce->reduced_stride_2;
    int32_t sum = 0;
    for (int32_t i = 0; i < reduce->reduced_0; i++) {
        for (int32_t j = 0; j < reduce->reduced_1; j++) {
            const int16_t *from = x + i * reduce->reduced_stride_0 + j * reduce->reduced_stride_1;
            for (int32_t k = 0; k < reduce->reduced_2; k++) {
                sum += *from;
                from += stride;
            }
        }
    }
    return sum;
}

void tp_mean_s16_dense_c(const tp_reduce *reduce, const tp_mean *mean, const int16_t *input, int16_t *output)
{
    for (int32_t i = 0; i < reduce->kept_0; i++) {
        for (int32_t j = 0; j < reduce->kept_1; j++) {
            const int16_t *x = input + i * reduce->kept_stride_0 + j * reduce->kept_stride_1;
            for (int32_t k = 0; k < reduce->kept_2; k++) {
                const int32_t sum = sum_one(reduce, x + k * reduce->kept_stride_2);
                *output++ = (int16_t)tp_clamp(tp_requantize(sum, mean->multiplier, mean->shift), INT16_MIN, INT16_MAX);
            }
        }
    }
}
