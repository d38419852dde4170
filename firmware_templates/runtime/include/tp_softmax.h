/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What softmaxes of int8 rows share. */
#ifndef TP_SOFTMAX_H
#define TP_SOFTMAX_H

#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define TP_SUM_INTEGER_BITS 12

static inline int32_t tp_exp_of_difference(const tp_softmax *softmax, int32_t difference)
{
    return tp_exp_of_negative(tp_requantize(difference, softmax->input_multiplier, softmax->input_left_shift));
}

/* Calls `PUT(probability)` for each value of a row, in order: probabilities are of 2^-bits, from 0 on. */
#define TP_SOFTMAX_ROW(softmax, input, bits, PUT)                                                                             \
    int32_t tp_most = -128, tp_sum = 0, tp_over_unit;                                                                         \
    for (int32_t i = 0; i < (softmax)->depth; i++) {                                                                          \
        tp_most = (input)[i] > tp_most ? (input)[i] : tp_most;                                                                \
    }                                                                                                                         \
    for (int32_t i = 0; i < (softmax)->depth; i++) {                                                                          \
        if ((input)[i] - tp_most >= (softmax)->diff_min) {                                                                    \
            tp_sum += tp_rounding_shift_right(tp_exp_of_difference(softmax, (input)[i] - tp_most), TP_SUM_INTEGER_BITS);      \
        }                                                                                                                     \
    }                                                                                                                         \
    const int32_t tp_scale = tp_reciprocal(tp_sum, TP_SUM_INTEGER_BITS, &tp_over_unit);                                       \
    for (int32_t i = 0; i < (softmax)->depth; i++) {                                                                          \
        int32_t tp_probability = 0;                                                                                           \
        if ((input)[i] - tp_most >= (softmax)->diff_min) {                                                                    \
            const int32_t tp_exponential = tp_exp_of_difference(softmax, (input)[i] - tp_most);                               \
            tp_probability =                                                                                                  \
                tp_rounding_shift_right(tp_doubling_high_mul(tp_scale, tp_exponential), tp_over_unit + 31 - (bits));          \
        }                                                                                                                     \
        PUT(i, tp_probability);                                                                                               \
    }

#endif
