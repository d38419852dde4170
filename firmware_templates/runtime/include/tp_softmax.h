/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * What softmaxes of int8 rows share. */
#ifndef TP_SOFTMAX_H
#define TP_SOFTMAX_H

#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"

#define TP_SUM_INTEGER_BITS 12

/* Four values at a time. */
static inline int32_t tp_largest(const int8_t *input, int32_t depth)
{
    const int8_t *const end = input + depth, *const whole = input + (depth & ~3);
    uint32_t four = UINT32_C(0x80808080);
    for (; input != whole; input += 4) {
        four = tp_max4(four, tp_load4(input));
    }
    four = tp_max4(four, four >> 16);
    int32_t most = (int8_t)(tp_max4(four, four >> 8) & 0xffu);
    for (; input != end; input++) {
        most = *input > most ? *input : most;
    }
    return most;
}

/* In Q0.31, computed; the difference is from the largest input. */
static inline int32_t tp_exponential(const tp_softmax *softmax, int32_t difference)
{
    if (difference < softmax->diff_min) {
        return 0;
    }
    return tp_exp_of_negative(tp_requantize(difference, softmax->input_multiplier, softmax->input_left_shift));
}

/* What an exponential in Q0.31 adds to a sum in Q12.19. */
static inline uint32_t tp_summand(int32_t exponential)
{
    return ((uint32_t)exponential + (UINT32_C(1) << (TP_SUM_INTEGER_BITS - 1))) >> TP_SUM_INTEGER_BITS;
}

/* Exponentials of a row; their sum in Q12.19. */
static inline int32_t tp_exponentials(const tp_softmax *softmax, const int8_t *input, int32_t *exponentials)
{
    const int32_t most = tp_largest(input, softmax->depth);
    uint32_t sum = 0;
    for (int32_t i = 0; i < softmax->depth; i++) {
        const int32_t exponential = tp_exponential(softmax, input[i] - most);
        exponentials[i] = exponential;
        sum += tp_summand(exponential);
    }
    return (int32_t)sum;
}

/* What makes probabilities of exponentials: one over their sum, and half a step of what is shifted out. */
typedef struct tp_share {
    int32_t scale, shift;
    uint32_t half;
} tp_share;

/* Probabilities will be of 2^-bits; of at most 511 values where bits is 8. `sum` is in Q12.19. */
static inline tp_share tp_share_of(int32_t sum, int32_t bits)
{
    int32_t over_unit;
    const int32_t scale = tp_reciprocal(sum, TP_SUM_INTEGER_BITS, &over_unit), shift = over_unit + 31 - bits;
    return (tp_share){scale, shift, UINT32_C(1) << (shift - 1)};
}

/* Nothing is negative: adding a half rounds to the nearest. */
static inline int32_t tp_probability(tp_share share, int32_t exponential)
{
    return (int32_t)(((uint32_t)tp_doubling_high_mul(share.scale, exponential) + share.half) >> share.shift);
}

/* Probabilities of 2^-bits of a row, from 0 to 2^bits. */
static inline void tp_probabilities(const tp_softmax *softmax, const int8_t *input, int32_t bits, int32_t *probabilities)
{
    const tp_share share = tp_share_of(tp_exponentials(softmax, input, probabilities), bits);
    for (int32_t i = 0; i < softmax->depth; i++) {
        probabilities[i] = tp_probability(share, probabilities[i]);
    }
}

/* The sum of exponentials that are not kept, in Q12.19. */
static inline int32_t tp_sum_computed(const tp_softmax *softmax, const int8_t *input, int32_t most)
{
    uint32_t sum = 0;
    for (int32_t i = 0; i < softmax->depth; i++) {
        sum += tp_summand(tp_exponential(softmax, input[i] - most));
    }
    return (int32_t)sum;
}

/* In Q12.19, two values at a time. */
static inline int32_t tp_sum_of_exponentials(const int8_t *input, int32_t depth, int32_t most, const int32_t *exponentials)
{
    uint32_t sum = 0;
    for (; depth >= 2; depth -= 2) {
        sum += tp_summand(exponentials[most - input[0]]) + tp_summand(exponentials[most - input[1]]);
        input += 2;
    }
    return (int32_t)(depth == 0 ? sum : sum + tp_summand(exponentials[most - *input]));
}

/* Defines a softmax whose exponentials are in a table: probabilities are of 2^-bits, from LOW on. Exponentials, sum and scale are
 * positive, so that adding a half rounds to the nearest. */
#define TP_DEFINE_SOFTMAX_TABLE(TYPE, bits, LOW, HIGH)                                                                         \
    static void tp_divide(const int8_t *input, TYPE *output, int32_t depth, int32_t most, int32_t sum, const int32_t *exponentials) \
    {                                                                                                                          \
        int32_t over_unit;                                                                                                     \
        const int32_t scale = tp_reciprocal(sum, TP_SUM_INTEGER_BITS, &over_unit), shift = over_unit + 31 - (bits);            \
        if (shift > 31) { /* so many values share what there is that there is less than half of a step for each */             \
            for (int32_t i = 0; i < depth; i++) {                                                                              \
                *output++ = LOW;                                                                                               \
            }                                                                                                                  \
            return;                                                                                                            \
        }                                                                                                                      \
        const uint32_t half = UINT32_C(1) << (shift - 1), top = (UINT32_C(1) << (bits)) - 1;                                   \
        for (const int8_t *end = input + depth; input != end; input++) {                                                       \
            const int32_t exponential = exponentials[most - *input];                                                           \
            uint32_t probability = 0;                                                                                          \
            if (exponential != 0) { /* a sum is 1 or more: there are places to round off */                                    \
                probability = ((uint32_t)tp_doubling_high_mul(scale, exponential) + half) >> shift;                            \
            }                                                                                                                  \
            *output++ = (TYPE)(probability > top ? HIGH : (int32_t)probability + LOW);                                         \
        }                                                                                                                      \
    }                                                                                                                          \
                                                                                                                               \
    static void tp_softmax_rows(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, TYPE *output)     \
    {                                                                                                                          \
        const int32_t depth = softmax->depth;                                                                                  \
        for (int32_t rows = softmax->rows; rows > 0; rows--) {                                                                 \
            const int32_t most = tp_largest(input, depth);                                                                     \
            tp_divide(input, output, depth, most, tp_sum_of_exponentials(input, depth, most, exponentials), exponentials);     \
            input += depth;                                                                                                    \
            output += depth;                                                                                                   \
        }                                                                                                                      \
    }

#endif
