/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Two output channels of a pixel, with DSP: an activation is loaded once for two weights. Words are loaded from any address:
 * Cortex-M cores with DSP instructions allow that. */
#ifndef TP_DOT_TWO_H
#define TP_DOT_TWO_H

#include "tp_dot.h"

/* Accumulators of two output channels. */
typedef struct tp_two {
    int32_t first, second;
} tp_two;

/* Taps of a run, of which the assembly below knows. */
#define TP_TWO_RUN 16

#if TP_DSP

/* In assembly, as compilers pull loads apart. Four taps of two channels: 14 cycles. */
#define TP_FOUR_OF_TWO(at)                           \
    "ldr.w %[x0], [%[x], #" at "]\n\t"               \
    "ldr.w %[w0], [%[w], #" at "]\n\t"               \
    "ldr.w %[v0], [%[v], #" at "]\n\t"               \
    "sxtb16 %[x1], %[x0], ror #8\n\t"                \
    "sxtb16 %[x0], %[x0]\n\t"                        \
    "sxtb16 %[w1], %[w0], ror #8\n\t"                \
    "sxtb16 %[w0], %[w0]\n\t"                        \
    "smlad %[first], %[x0], %[w0], %[first]\n\t"     \
    "smlad %[first], %[x1], %[w1], %[first]\n\t"     \
    "sxtb16 %[w1], %[v0], ror #8\n\t"                \
    "sxtb16 %[v0], %[v0]\n\t"                        \
    "smlad %[second], %[x0], %[v0], %[second]\n\t"   \
    "smlad %[second], %[x1], %[w1], %[second]\n\t"

/* From one run to thousands. */
static inline tp_two tp_dot_two_runs(const int8_t *weights, const int8_t *second, const int8_t *x, int32_t runs, tp_two acc)
{
    uint32_t x0, x1, w0, w1, v0;
    const int8_t *const end = weights + TP_TWO_RUN * runs;
    __asm__ volatile(
        "1:\n\t"
        TP_FOUR_OF_TWO("0") TP_FOUR_OF_TWO("4") TP_FOUR_OF_TWO("8") TP_FOUR_OF_TWO("12")
        "add.w %[w], %[w], #16\n\t"
        "add.w %[v], %[v], #16\n\t"
        "add.w %[x], %[x], #16\n\t"
        "cmp.w %[w], %[end]\n\t"
        "bne.w 1b"
        : [first] "+r"(acc.first), [second] "+r"(acc.second), [w] "+r"(weights), [v] "+r"(second), [x] "+r"(x),
          [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0), [w1] "=&r"(w1), [v0] "=&r"(v0)
        : [end] "r"(end)
        : "cc", "memory");
    return acc;
}

#undef TP_FOUR_OF_TWO

#else

static inline tp_two tp_dot_two_runs(const int8_t *weights, const int8_t *second, const int8_t *x, int32_t runs, tp_two acc)
{
    acc.first = tp_dot(weights, x, TP_TWO_RUN * runs, acc.first);
    acc.second = tp_dot(second, x, TP_TWO_RUN * runs, acc.second);
    return acc;
}

#endif

/* acc + weights[taps] . x[taps], for both; the weights of the second channel lie `apart` bytes behind. With 0 there is none. */
static inline tp_two tp_dot_two(const int8_t *weights, int32_t apart, const int8_t *x, int32_t taps, tp_two acc)
{
    const int32_t runs = taps / TP_TWO_RUN;
    if (apart == 0) {
        acc.first = tp_dot(weights, x, taps, acc.first);
        return acc;
    }
    const int8_t *second = weights + apart;
    if (runs > 0) {
        acc = tp_dot_two_runs(weights, second, x, runs, acc);
        weights += TP_TWO_RUN * runs, second += TP_TWO_RUN * runs, x += TP_TWO_RUN * runs;
    }
    if (taps % TP_TWO_RUN != 0) {
        acc.first = tp_dot(weights, x, taps % TP_TWO_RUN, acc.first);
        acc.second = tp_dot(second, x, taps % TP_TWO_RUN, acc.second);
    }
    return acc;
}

#endif
