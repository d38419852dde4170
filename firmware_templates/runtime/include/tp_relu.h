/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * From sums to outputs behind a ReLU, as tp_kernels_dsp.h describes it: in assembly for five sums, and one by one in C. */
#ifndef TP_RELU_H
#define TP_RELU_H

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#define TP_RELU_TEXT(number) TP_RELU_TEXT_OF(number)
#define TP_RELU_TEXT_OF(number) #number
#define TP_RELU_SATURATE(a) "ssat " a ", #8, " a ", asr #" TP_RELU_TEXT(TP_RELU_SHIFT) "\n\t"

/* An offset is 2^(t - 2) less this. */
#define TP_RELU_BELOW ((128 << TP_RELU_SHIFT) - (1 << (TP_RELU_SHIFT - 1)))

/* The sums in five registers become outputs. */
#define TP_RELU_OUTPUTS(a, b, c, d, e, multiplier, offset)          \
    "smmla " a ", " a ", " multiplier ", " offset "\n\t"            \
    "smmla " b ", " b ", " multiplier ", " offset "\n\t"            \
    "smmla " c ", " c ", " multiplier ", " offset "\n\t"            \
    "smmla " d ", " d ", " multiplier ", " offset "\n\t"            \
    "smmla " e ", " e ", " multiplier ", " offset "\n\t"            \
    TP_RELU_SATURATE(a)                                             \
    TP_RELU_SATURATE(b)                                             \
    TP_RELU_SATURATE(c)                                             \
    TP_RELU_SATURATE(d)                                             \
    TP_RELU_SATURATE(e)

/* Sums of unscaled weights times 2^t; `one`, which is not t, becomes their offset. */
#define TP_RELU_SCALE(a, b, c, d, e, t, one)                        \
    "mov " one ", #1\n\t"                                           \
    "lsl " one ", " one ", " t "\n\t"                               \
    "lsl " a ", " a ", " t "\n\t"                                   \
    "lsl " b ", " b ", " t "\n\t"                                   \
    "lsl " c ", " c ", " t "\n\t"                                   \
    "lsl " d ", " d ", " t "\n\t"                                   \
    "lsl " e ", " e ", " t "\n\t"                                   \
    "lsr " one ", " one ", #2\n\t"                                  \
    "sub " one ", " one ", #" TP_RELU_TEXT(TP_RELU_BELOW) "\n\t"

/* acc is the sum times 2^t. */
static inline int8_t tp_relu_output(int32_t acc, int32_t multiplier, int32_t offset)
{
    return (int8_t)tp_ssat8((offset + (int32_t)((int64_t)acc * multiplier >> 32)) >> TP_RELU_SHIFT);
}

/* acc is the sum itself. */
static inline int8_t tp_relu_output_scaled(int32_t acc, int32_t t, int32_t multiplier)
{
    return tp_relu_output(acc * (1 << t), multiplier, (1 << (t - 2)) - TP_RELU_BELOW);
}

#endif
