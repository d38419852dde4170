/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Logarithms of softmaxes, with a table of exponentials or without. */
#ifndef TP_LOG_SOFTMAX_H
#define TP_LOG_SOFTMAX_H

#include "tp_fixed_functions.h"
#include "tp_fixed_point.h"
#include "tp_kernels.h"
#include "tp_loops.h"
#include "tp_softmax.h"

#define LOG_INTEGER_BITS 6 /* in which the logarithm is summed, one more than it has in the end */

static inline int32_t tp_log_mul(int32_t a, int32_t b)
{
    return tp_doubling_high_mul(a, b);
}

/* ln x in Q5.26 of x >= 1 in Q12.19. x = 2^e * r, once with r in [1/2, 1), and once of x * sqrt(1/2); the smaller r, and with it
 * the larger e, are taken. ln r is a quotient of polynomials in r around the fourth root of 1/2. */
static inline int32_t tp_log_of(int32_t x)
{
    const int32_t ln_2 = 1488522236, sqrt_half = 1518500250, middle = 1805811301; /* all constants are Q0.31 */
    const int32_t quarter = 1 << (29 - LOG_INTEGER_BITS), unit = 1 << (31 - LOG_INTEGER_BITS);
    const int32_t zeros = tp_leading_zeros((uint32_t)x), others = tp_leading_zeros((uint32_t)tp_log_mul(x, sqrt_half)) - 1;
    const int32_t r_a = tp_saturating_shift_left(tp_log_mul(tp_saturating_shift_left(x, zeros - 1), sqrt_half), 1);
    const int32_t r_b = tp_saturating_shift_left(x, others);
    const int32_t e_a = (TP_SUM_INTEGER_BITS - zeros) * unit + quarter, e_b = (TP_SUM_INTEGER_BITS - others) * unit - quarter;
    const int32_t r = r_a < r_b ? r_a : r_b, e = e_a > e_b ? e_a : e_b;
    const int32_t p = (int32_t)(((uint32_t)r + (uint32_t)middle + 1) >> 1), q = 2 * (r - middle), square = tp_log_mul(q, q);
    const int32_t numerator = tp_log_mul(q, r) + tp_log_mul(tp_log_mul(q, square), 117049297);
    const int32_t denominator = tp_log_mul(p, 1057819769 + q + tp_log_mul(127690142, square)) + tp_log_mul(638450708, q); /* less 1 */
    const int32_t inverse = tp_inverse((uint32_t)denominator + (UINT32_C(1) << 31));
    const int32_t fraction = tp_log_mul(tp_rounding_shift_right(numerator, LOG_INTEGER_BITS), inverse);
    return tp_saturating_shift_left(tp_log_mul(e, ln_2) + fraction, 1);
}

static inline int32_t tp_log_input(const tp_log_softmax *layer, int32_t difference)
{
    return tp_requantize(difference, layer->input_multiplier, layer->input_left_shift);
}

/* The outputs of a row, whose largest value is `most`, and the logarithm of its sum `log`. */
TP_NOINLINE void tp_log_outputs(const tp_log_softmax *layer, const int8_t *input, int8_t *output, int32_t most, int32_t log)
{
    const int32_t reach = tp_requantize(log + INT32_MIN, layer->back_multiplier, -layer->back_right_shift);
    const int32_t least = most + (reach > layer->diff_min - 1 ? reach : layer->diff_min - 1);
    const int8_t *const end = input + layer->depth;
    do {
        const int32_t x = *input++;
        int32_t y = -128;
        if (x > least) {
            const int32_t difference = (int32_t)((uint32_t)tp_log_input(layer, x - most) - (uint32_t)log);
            y = tp_clamp(tp_rounding_shift_right(difference, 31 - 5 - 4) + 127, -128, 127);
        }
        *output++ = (int8_t)y;
    } while (input != end);
}

#endif
