/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Dot products of a channel's weights with a row of activations.
 */
#ifndef TP_DOT_H
#define TP_DOT_H

#include <stdint.h>
#include <string.h>

#include "tp_dsp.h"

/* Taps of a run, of which the assembly below knows. */
#if TP_DSP
#define TP_DOT_RUN 16
#else
#define TP_DOT_RUN 4
#endif

/* acc + weights[taps] . x[taps] of whole runs, at least one. Compilers pull loads apart, hence assembly. */
#if TP_DSP

/* Eight taps: 17 cycles of a Cortex-M4. */
#define TP_DOT_EIGHT(at, behind)                   \
    "ldr.w %[x0], [%[x], #" at "]\n\t"             \
    "ldr.w %[w0], [%[w], #" at "]\n\t"             \
    "ldr.w %[x1], [%[x], #" behind "]\n\t"         \
    "ldr.w %[w1], [%[w], #" behind "]\n\t"         \
    "sxtb16 %[even], %[x0]\n\t"                    \
    "sxtb16 %[other], %[w0]\n\t"                   \
    "sxtb16 %[x0], %[x0], ror #8\n\t"              \
    "sxtb16 %[w0], %[w0], ror #8\n\t"              \
    "smlad %[acc], %[even], %[other], %[acc]\n\t"  \
    "smlad %[acc], %[x0], %[w0], %[acc]\n\t"       \
    "sxtb16 %[even], %[x1]\n\t"                    \
    "sxtb16 %[other], %[w1]\n\t"                   \
    "sxtb16 %[x1], %[x1], ror #8\n\t"              \
    "sxtb16 %[w1], %[w1], ror #8\n\t"              \
    "smlad %[acc], %[even], %[other], %[acc]\n\t"  \
    "smlad %[acc], %[x1], %[w1], %[acc]\n\t"

static inline int32_t tp_dot_runs(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    uint32_t x0, x1, w0, w1, even, other;
    const int8_t *const end = weights + taps;
    __asm__ volatile(
        "1:\n\t"
        TP_DOT_EIGHT("0", "4") TP_DOT_EIGHT("8", "12")
        "add.w %[w], %[w], #16\n\t"
        "add.w %[x], %[x], #16\n\t"
        "cmp.w %[w], %[end]\n\t"
        "bne.w 1b"
        : [acc] "+r"(acc), [w] "+r"(weights), [x] "+r"(x), [x0] "=&r"(x0), [x1] "=&r"(x1), [w0] "=&r"(w0),
          [w1] "=&r"(w1), [even] "=&r"(even), [other] "=&r"(other)
        : [end] "r"(end)
        : "cc", "memory");
    return acc;
}

#undef TP_DOT_EIGHT

#elif defined(__ARM_ARCH_7M__) && defined(__GNUC__)

/* 22 cycles of a Cortex-M3. */
static inline int32_t tp_dot_runs(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    int32_t w0, w1, w2, w3, x0, x1, x2, x3;
    const int8_t *const end = weights + taps;
    __asm__ volatile(
        "1:\n\t"
        "ldrsb %[w0], [%[w]]\n\t"
        "ldrsb %[x0], [%[x]]\n\t"
        "ldrsb %[w1], [%[w], #1]\n\t"
        "ldrsb %[x1], [%[x], #1]\n\t"
        "ldrsb %[w2], [%[w], #2]\n\t"
        "ldrsb %[x2], [%[x], #2]\n\t"
        "ldrsb %[w3], [%[w], #3]\n\t"
        "ldrsb %[x3], [%[x], #3]\n\t"
        "adds %[w], %[w], #4\n\t"
        "add %[x], %[x], #4\n\t"
        "mla %[acc], %[w0], %[x0], %[acc]\n\t"
        "mla %[acc], %[w1], %[x1], %[acc]\n\t"
        "mla %[acc], %[w2], %[x2], %[acc]\n\t"
        "mla %[acc], %[w3], %[x3], %[acc]\n\t"
        "cmp %[w], %[end]\n\t"
        "bne 1b"
        : [acc] "+r"(acc), [w] "+r"(weights), [x] "+r"(x), [w0] "=&r"(w0), [w1] "=&r"(w1), [w2] "=&r"(w2), [w3] "=&r"(w3),
          [x0] "=&r"(x0), [x1] "=&r"(x1), [x2] "=&r"(x2), [x3] "=&r"(x3)
        : [end] "r"(end)
        : "cc", "memory");
    return acc;
}

#elif defined(__ARM_ARCH_6M__) && defined(__GNUC__)

#define TP_DOT_TAP                   \
    "ldrsb %[a], [%[w], %[tap]]\n\t" \
    "ldrsb %[b], [%[x], %[tap]]\n\t" \
    "muls %[a], %[b], %[a]\n\t"      \
    "adds %[acc], %[acc], %[a]\n\t"  \
    "adds %[tap], %[tap], #1\n\t"

/* 31 cycles of a Cortex-M0+. */
static inline int32_t tp_dot_runs(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    int32_t tap = 0, a, b;
    __asm__ volatile(
        ".syntax unified\n\t" /* GCC has the old one for this core */
        "1:\n\t"
        TP_DOT_TAP TP_DOT_TAP TP_DOT_TAP TP_DOT_TAP
        "cmp %[tap], %[taps]\n\t"
        "bne 1b"
        : [acc] "+l"(acc), [tap] "+l"(tap), [a] "=&l"(a), [b] "=&l"(b)
        : [w] "l"(weights), [x] "l"(x), [taps] "r"(taps)
        : "cc", "memory");
    return acc;
}

#undef TP_DOT_TAP

#else

static inline int32_t tp_dot_runs(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    for (int32_t i = 0; i < taps; i += TP_DOT_RUN) {
        acc += weights[i] * x[i];
        acc += weights[i + 1] * x[i + 1];
        acc += weights[i + 2] * x[i + 2];
        acc += weights[i + 3] * x[i + 3];
    }
    return acc;
}

#endif

/* acc + weights[taps] . x[taps]; both may begin anywhere. */
static inline int32_t tp_dot(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    const int32_t runs = taps & ~(TP_DOT_RUN - 1);
    const int8_t *const end = weights + taps;
    if (runs > 0) {
        acc = tp_dot_runs(weights, x, runs, acc);
        weights += runs;
        x += runs;
    }
#if TP_DSP
    for (; end - weights >= 4; weights += 4, x += 4) {
        uint32_t a, b;
        memcpy(&a, weights, 4);
        memcpy(&b, x, 4);
        acc = tp_smlad(tp_sxtb16(a), tp_sxtb16(b), acc);
        acc = tp_smlad(tp_sxtb16_ror8(a), tp_sxtb16_ror8(b), acc);
    }
#endif
    while (weights != end) {
        acc += *weights++ * *x++;
    }
    return acc;
}

/* Taps of which a call of tp_dot takes longer than they do. */
#define TP_DOT_FEW 8

/* The same of so few. */
static inline int32_t tp_dot_few(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    for (; taps > 0; taps--) {
        acc += *weights++ * *x++;
    }
    return acc;
}

/* acc + the 2:4 weights[records][5] . x[8 * records]; the record is described at tp_conv_1x1_s8_sp24_c. */
static inline int32_t tp_dot_sp24(const uint8_t *weights, const int8_t *x, int32_t records, int32_t acc)
{
    for (int32_t i = 0; i < records; i++) {
        const uint32_t positions = weights[4];
        acc += (int8_t)weights[0] * x[positions & 3u];
        acc += (int8_t)weights[1] * x[positions >> 2 & 3u];
        acc += (int8_t)weights[2] * x[4u + (positions >> 4 & 3u)];
        acc += (int8_t)weights[3] * x[4u + (positions >> 6)];
        weights += 5;
        x += 8;
    }
    return acc;
}

#endif
