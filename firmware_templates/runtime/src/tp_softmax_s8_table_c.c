/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Exponentials, sum and scale are positive, so that adding a half rounds to the nearest. */
#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"

#define SUM_INTEGER_BITS 12

static int32_t largest(const int8_t *input, int32_t depth)
{
    int32_t most = -128;
    for (const int8_t *end = input + depth; input != end; input++) {
        most = *input > most ? *input : most;
    }
    return most;
}

/* In Q12.19. */
static int32_t sum_of_exponentials(const int8_t *input, int32_t depth, int32_t most, const int32_t *exponentials)
{
    uint32_t sum = 0;
    for (const int8_t *end = input + depth; input != end; input++) {
        sum += ((uint32_t)exponentials[most - *input] + (1 << (SUM_INTEGER_BITS - 1))) >> SUM_INTEGER_BITS;
    }
    return (int32_t)sum;
}

/* A sum is 1 or more, so that there are places to round off. */
static void divide(const int8_t *input, int8_t *output, int32_t depth, int32_t most, int32_t sum, const int32_t *exponentials)
{
    int32_t bits_over_unit;
    const int32_t scale = tp_reciprocal(sum, SUM_INTEGER_BITS, &bits_over_unit), shift = bits_over_unit + 31 - 8;
    if (shift > 31) { /* 512 or more values share what there is: less than half of a 256th for each */
        for (int32_t i = 0; i < depth; i++) {
            *output++ = -128;
        }
        return;
    }
    const uint32_t half = UINT32_C(1) << (shift - 1);
    for (const int8_t *end = input + depth; input != end; input++) {
        const uint32_t product = (uint32_t)tp_doubling_high_mul(scale, exponentials[most - *input]);
        const uint32_t probability = (product + half) >> shift;
        *output++ = (int8_t)(probability > 255 ? 127 : (int32_t)probability - 128);
    }
}

void tp_softmax_s8_table_c(const tp_softmax *softmax, const int32_t *exponentials, const int8_t *input, int8_t *output)
{
    const int32_t depth = softmax->depth;
    for (int32_t rows = softmax->rows; rows > 0; rows--) {
        const int32_t most = largest(input, depth);
        divide(input, output, depth, most, sum_of_exponentials(input, depth, most, exponentials), exponentials);
        input += depth;
        output += depth;
    }
}
