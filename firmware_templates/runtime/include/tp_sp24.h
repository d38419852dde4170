/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * 2:4 weights by pairs of activations: every pair that a group can keep is laid out once, for four pixels, and serves all
 * output channels. A kept pair of weights then costs one load and one SMLAD a pixel. */
#ifndef TP_SP24_H
#define TP_SP24_H

#include <stdint.h>

#include "tp_dsp.h"

#define TP_SP24_PIXELS 4
#define TP_SP24_GROUP_WORDS (6 * TP_SP24_PIXELS)

/* Four accumulators, one a pixel. */
typedef struct tp_quad {
    int32_t p0, p1, p2, p3;
} tp_quad;

#if TP_DSP && defined(__OPTIMIZE__)

/* One group: move on to its pair, load it for four pixels and its weights, multiply. Loads in a row take a cycle each after
 * the first. */
#define TP_SP24_PAIR(step_rotation, weight_offset, weight_rotation) \
    "uxtab %[at], %[at], %[steps]" step_rotation "\n\t"      \
    "ldr %[x0], [%[at]]\n\t"                                 \
    "ldr %[x1], [%[at], #4]\n\t"                             \
    "ldr %[x2], [%[at], #8]\n\t"                             \
    "ldr %[x3], [%[at], #12]\n\t"                            \
    "ldr %[w], [%[weights], #" weight_offset "]\n\t"         \
    "sxtb16 %[w], %[w]" weight_rotation "\n\t"               \
    "smlad %[p0], %[x0], %[w], %[p0]\n\t"                    \
    "smlad %[p1], %[x1], %[w], %[p1]\n\t"                    \
    "smlad %[p2], %[x2], %[w], %[p2]\n\t"                    \
    "smlad %[p3], %[x3], %[w], %[p3]\n\t"

/* bias + one channel's weights, up to `end`, . scratch. In assembly as a whole, as compilers pull the loads apart. A word of
 * weights is loaded twice, so that the 13 registers do that a frame pointer leaves. */
static inline tp_quad tp_dot_pairs(const uint32_t *weights, const uint32_t *end, const char *at, int32_t bias)
{
    tp_quad acc = {bias, bias, bias, bias};
    uint32_t steps, w, x0, x1, x2, x3;
    __asm__ volatile("1:\n\t"
                     "ldr %[steps], [%[weights]], #12\n\t"
                     TP_SP24_PAIR("", "-8", "")
                     TP_SP24_PAIR(", ror #8", "-8", ", ror #8")
                     TP_SP24_PAIR(", ror #16", "-4", "")
                     TP_SP24_PAIR(", ror #24", "-4", ", ror #8")
                     "cmp %[weights], %[end]\n\t"
                     "bne 1b"
                     : [weights] "+&r"(weights), [at] "+&r"(at), [p0] "+&r"(acc.p0), [p1] "+&r"(acc.p1),
                       [p2] "+&r"(acc.p2), [p3] "+&r"(acc.p3), [steps] "=&r"(steps), [w] "=&r"(w), [x0] "=&r"(x0),
                       [x1] "=&r"(x1), [x2] "=&r"(x2), [x3] "=&r"(x3)
                     : [end] "r"(end)
                     : "cc", "memory");
    return acc;
}

#undef TP_SP24_PAIR

#else

static inline void tp_add_pair(const char *at, uint32_t pair, tp_quad *acc)
{
    const uint32_t *const x = (const uint32_t *)(const void *)at;
    acc->p0 = tp_smlad(x[0], pair, acc->p0);
    acc->p1 = tp_smlad(x[1], pair, acc->p1);
    acc->p2 = tp_smlad(x[2], pair, acc->p2);
    acc->p3 = tp_smlad(x[3], pair, acc->p3);
}

static inline tp_quad tp_dot_pairs(const uint32_t *weights, const uint32_t *end, const char *at, int32_t bias)
{
    tp_quad acc = {bias, bias, bias, bias};
    for (; weights != end; weights += 3) {
        at = tp_step0(at, weights[0]);
        tp_add_pair(at, tp_sxtb16(weights[1]), &acc);
        at = tp_step1(at, weights[0]);
        tp_add_pair(at, tp_sxtb16_ror8(weights[1]), &acc);
        at = tp_step2(at, weights[0]);
        tp_add_pair(at, tp_sxtb16(weights[2]), &acc);
        at = tp_step3(at, weights[0]);
        tp_add_pair(at, tp_sxtb16_ror8(weights[2]), &acc);
    }
    return acc;
}

#endif

#endif
