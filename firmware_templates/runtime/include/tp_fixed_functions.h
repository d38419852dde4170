/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Functions in fixed point, value for value as TFLite computes them. Qm.n has m integer and n fraction bits. The same in NumPy:
 * fixed_point.py and fixed_functions.py. */
#ifndef TP_FIXED_FUNCTIONS_H
#define TP_FIXED_FUNCTIONS_H

#include <stdint.h>

#include "tp_fixed_point.h"

/* x * 2^places within 32 bits; places in [0, 31]. */
static inline int32_t tp_saturating_shift_left(int32_t x, int32_t places)
{
    const int32_t limit = INT32_MAX >> places;
    return x > limit ? INT32_MAX : x < -limit - 1 ? INT32_MIN : (int32_t)((uint32_t)x << places);
}

/* How many zeros stand before the first one of x > 0. */
static inline int32_t tp_leading_zeros(uint32_t x)
{
#if defined(__GNUC__) && !defined(__ARM_ARCH_6M__)
    return __builtin_clz(x);
#else /* no instruction for it */
    int32_t zeros = 0;
    while (x < UINT32_C(1) << 31) {
        x <<= 1;
        zeros++;
    }
    return zeros;
#endif
}

/* exp(a) for a in [-1/4, 0), both in Q0.31: the Taylor series of fourth order around -1/8, where no power is above 1/8. */
static inline int32_t tp_exp_of_quarter(int32_t a)
{
    const int32_t exp_eighth = 1895147668, third = 715827883; /* exp(-1/8) and 1/3 in Q0.31 */
    const int32_t x = a + (1 << 28);
    const int32_t x2 = tp_doubling_high_mul_narrow(x, x);
    const int32_t x3 = tp_doubling_high_mul_narrow(x2, x);
    const int32_t x4 = tp_doubling_high_mul_narrow(x2, x2);
    const int32_t high_orders = tp_doubling_high_mul_narrow(((x4 + 2) >> 2) + x3, third); /* x4 is not negative */
    return exp_eighth + tp_doubling_high_mul_narrow(x + tp_rounding_shift_right(high_orders + x2, 1), exp_eighth);
}

/* exp(a) in Q0.31 of a <= 0 in Q5.26: that of the remainder of a quarter, times exp(-2^k / 4) for each bit of the rest. */
static inline int32_t tp_exp_of_negative(int32_t a)
{
    static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
    const int32_t quarter = 1 << 24;
    const int32_t remainder = (a & (quarter - 1)) - quarter;
    if (a == 0) {
        return INT32_MAX;
    }
    int32_t result = tp_exp_of_quarter(remainder * 32);
    const int32_t *factor = factors;
    for (int32_t rest = (remainder - a) >> 24; rest != 0; rest >>= 1) {
        if (rest & 1) {
            result = tp_doubling_high_mul(result, *factor);
        }
        factor++;
    }
    return result;
}

/* 1 / denominator in Q0.31, of [1, 2) in Q1.31: three steps of Newton-Raphson. */
static inline int32_t tp_inverse(uint32_t denominator)
{
    const int32_t half_denominator = (int32_t)(denominator >> 1);
    int32_t estimate = 1515870810 + tp_doubling_high_mul(half_denominator, -1010580540); /* 48/17 and -32/17 in Q2.29 */
    for (int32_t step = 0; step < 3; step++) {
        const int32_t error = (1 << 29) - tp_doubling_high_mul(half_denominator, estimate);
        estimate += tp_saturating_shift_left(tp_doubling_high_mul(estimate, error), 2);
    }
    return tp_saturating_shift_left(estimate, 1);
}

/* r in Q0.31 with 1 / x = r / 2^bits_over_unit, x > 0 with integer_bits. */
static inline int32_t tp_reciprocal(int32_t x, int32_t integer_bits, int32_t *bits_over_unit)
{
    const int32_t zeros = tp_leading_zeros((uint32_t)x);
    *bits_over_unit = integer_bits - zeros;
    return tp_inverse((uint32_t)x << zeros);
}

#endif
