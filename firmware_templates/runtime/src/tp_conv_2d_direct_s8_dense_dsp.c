/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Words are loaded from any address: Cortex-M cores with DSP instructions allow that. */
#include <string.h>

#include "tp_direct.h"
#include "tp_dsp.h"

#define RUN 16 /* taps, of which the assembly below knows */

static inline uint32_t word(const int8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline int32_t add_four(const int8_t *weights, const int8_t *x, int32_t acc)
{
    const uint32_t w = word(weights), inputs = word(x);
    acc = tp_smlad(tp_sxtb16(w), tp_sxtb16(inputs), acc);
    return tp_smlad(tp_sxtb16_ror8(w), tp_sxtb16_ror8(inputs), acc);
}

#if TP_DSP

/* In assembly, as compilers pull loads apart. Four taps of two channels: 14 cycles. */
#define FOUR_OF_TWO(at)                              \
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
/* Eight taps of one channel: 17 cycles. */
#define EIGHT_OF_ONE(at, behind)                     \
    "ldr.w %[x0], [%[x], #" at "]\n\t"               \
    "ldr.w %[w0], [%[w], #" at "]\n\t"               \
    "ldr.w %[x1], [%[x], #" behind "]\n\t"           \
    "ldr.w %[w1], [%[w], #" behind "]\n\t"           \
    "sxtb16 %[even], %[x0]\n\t"                      \
    "sxtb16 %[other], %[w0]\n\t"                     \
    "sxtb16 %[x0], %[x0], ror #8\n\t"                \
    "sxtb16 %[w0], %[w0], ror #8\n\t"                \
    "smlad %[acc], %[even], %[other], %[acc]\n\t"    \
    "smlad %[acc], %[x0], %[w0], %[acc]\n\t"         \
    "sxtb16 %[even], %[x1]\n\t"                      \
    "sxtb16 %[other], %[w1]\n\t"                     \
    "sxtb16 %[x1], %[x1], ror #8\n\t"                \
    "sxtb16 %[w1], %[w1], ror #8\n\t"                \
    "smlad %[acc], %[even], %[other], %[acc]\n\t"    \
    "smlad %[acc], %[x1], %[w1], %[acc]\n\t"

/* From one run to thousands. */
static inline tp_two runs_of_two(const int8_t *weights, const int8_t *second, const int8_t *x, int32_t runs, tp_two acc)
{
    uint32_t x0, x1, w0, w1, v0;
    const int8_t *const end = weights + RUN * runs;
    __asm__ volatile(
        "1:\n\t"
        FOUR_OF_TWO("0") FOUR_OF_TWO("4") FOUR_OF_TWO("8") FOUR_OF_TWO("12")
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

static inline int32_t runs_of_one(const int8_t *weights, const int8_t *x, int32_t runs, int32_t acc)
{
    uint32_t x0, x1, w0, w1, even, other;
    const int8_t *const end = weights + RUN * runs;
    __asm__ volatile(
        "1:\n\t"
        EIGHT_OF_ONE("0", "4") EIGHT_OF_ONE("8", "12")
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

#else

static inline int32_t runs_of_one(const int8_t *weights, const int8_t *x, int32_t runs, int32_t acc)
{
    for (int32_t tap = 0; tap < RUN * runs; tap += 4) {
        acc = add_four(weights + tap, x + tap, acc);
    }
    return acc;
}

static inline tp_two runs_of_two(const int8_t *weights, const int8_t *second, const int8_t *x, int32_t runs, tp_two acc)
{
    acc.first = runs_of_one(weights, x, runs, acc.first);
    acc.second = runs_of_one(second, x, runs, acc.second);
    return acc;
}

#endif

/* Fewer taps than a run. */
static inline int32_t add_rest(const int8_t *weights, const int8_t *x, int32_t taps, int32_t acc)
{
    for (; taps >= 4; taps -= 4) {
        acc = add_four(weights, x, acc);
        weights += 4, x += 4;
    }
    for (int32_t i = 0; i < taps; i++) {
        acc += weights[i] * x[i];
    }
    return acc;
}

static inline tp_two dot(const int8_t *weights, int32_t apart, const int8_t *x, int32_t taps, tp_two acc)
{
    const int32_t runs = taps / RUN, done = RUN * runs, left = taps % RUN;
    const int8_t *const second = weights + apart;
    if (runs > 0 && apart > 0) {
        acc = runs_of_two(weights, second, x, runs, acc);
    } else if (runs > 0) {
        acc.first = runs_of_one(weights, x, runs, acc.first);
    }
    if (left > 0) {
        acc.first = add_rest(weights + done, x + done, left, acc.first);
    }
    if (left > 0 && apart > 0) {
        acc.second = add_rest(second + done, x + done, left, acc.second);
    }
    return acc;
}

void tp_conv_2d_direct_s8_dense_dsp(const tp_layer *layer, const int8_t *weights, const tp_channel *channels,
                                    const int8_t *input, int8_t *output, void *scratch)
{
    (void)scratch;
    tp_direct(layer, weights, channels, input, output, dot);
}
