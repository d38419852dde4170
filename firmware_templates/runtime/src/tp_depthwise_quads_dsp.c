/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include <string.h>

#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* In assembly as a whole: a tap of four channels in 11 cycles. r0 to r3 are sums, r4 the taps' addresses, r5 the stream, r6
 * activations, r7 and r8 weights (w0, w2) and (w1, w3), r9 the next tap's address, r10 the channel, r12 the output, lr counts rounds
 * of nine taps, of which the first begins somewhere inside. On the stack: the taps' addresses, rounds, where the first one begins,
 * the end of channels, then what the caller left there. */
#define TAP                                 \
    "ldr r6, [r9, r10]\n\t"                 \
    "ldr r7, [r5], #8\n\t"                  \
    "ldr r9, [r4, #4]!\n\t"                 \
    "ldr r8, [r5, #-4]\n\t"                 \
    "sxtb16 r11, r6\n\t"                    \
    "sxtb16 r6, r6, ror #8\n\t"             \
    "smlabb r0, r11, r7, r0\n\t"            \
    "smlabb r1, r6, r8, r1\n\t"             \
    "smlatt r2, r11, r7, r2\n\t"            \
    "smlatt r3, r6, r8, r3\n\t"
#define TAP_BYTES "40"
/* Multiplier, rounding and shift to the right. */
#define OUTPUT(sum, at)                     \
    "ldr r6, [r5], #4\n\t"                  \
    "ldr r7, [r5], #4\n\t"                  \
    "ldr r8, [r5], #4\n\t"                  \
    "smmulr " sum ", " sum ", r6\n\t"       \
    "add " sum ", " sum ", " sum ", asr #31\n\t" \
    "add " sum ", " sum ", r7\n\t"          \
    "asr " sum ", " sum ", r8\n\t"          \
    "ssat " sum ", #8, " sum "\n\t"         \
    "strb " sum ", [r12, #" at "]\n\t"

__attribute__((naked, noinline)) void tp_depthwise_quads_dsp(__attribute__((unused)) const int8_t *const *taps,
                                                             __attribute__((unused)) int32_t count,
                                                             __attribute__((unused)) const uint32_t *weights,
                                                             __attribute__((unused)) int32_t channels,
                                                             __attribute__((unused)) int8_t *output)
{
    __asm__ volatile(
        "push {r0-r11, lr}\n\t"
        "mov r5, r2\n\t"
        "mov lr, #0\n\t"
        "0:\n\t"
        "add lr, lr, #1\n\t"
        "subs r1, r1, #9\n\t"
        "bgt 0b\n\t" /* r1 becomes the taps that the first round lacks, less than 0 */
        "adr r2, 2f + 1\n\t"
        "mov r6, #" TAP_BYTES "\n\t"
        "mls r2, r1, r6, r2\n\t"
        "str lr, [sp, #4]\n\t"
        "str r2, [sp, #8]\n\t"
        "ldr r12, [sp, #52]\n\t"
        "mov r10, #0\n\t"
        "1:\n\t"
        "ldr r0, [r5], #4\n\t"
        "ldr r1, [r5], #4\n\t"
        "ldr r2, [r5], #4\n\t"
        "ldr r3, [r5], #4\n\t"
        "ldr r4, [sp]\n\t"
        "ldr lr, [sp, #4]\n\t"
        "ldr r6, [sp, #8]\n\t"
        "ldr r9, [r4]\n\t"
        "bx r6\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        TAP TAP TAP TAP TAP TAP TAP TAP TAP
        "subs lr, lr, #1\n\t"
        "bne 2b\n\t"
        OUTPUT("r0", "0")
        OUTPUT("r1", "1")
        OUTPUT("r2", "2")
        OUTPUT("r3", "3")
        "ldr r6, [sp, #12]\n\t"
        "add r10, r10, #4\n\t"
        "add r12, r12, #4\n\t"
        "cmp r10, r6\n\t"
        "bne 1b\n\t"
        "add sp, sp, #16\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_depthwise_quads_dsp(const int8_t *const *taps, int32_t count, const uint32_t *weights, int32_t channels,
                            int8_t *output)
{
    for (int32_t c = 0; c < channels; c += TP_QUAD) {
        int32_t sums[TP_QUAD];
        memcpy(sums, weights, sizeof sums);
        weights += TP_QUAD;
        for (int32_t tap = 0; tap < count; tap++) {
            const int8_t *const x = taps[tap] + c;
            sums[0] += x[0] * tp_low(weights[0]);
            sums[1] += x[1] * tp_low(weights[1]);
            sums[2] += x[2] * tp_high(weights[0]);
            sums[3] += x[3] * tp_high(weights[1]);
            weights += 2;
        }
        for (int32_t i = 0; i < TP_QUAD; i++) {
            const int32_t x = tp_smmulr(sums[i], (int32_t)weights[0]);
            *output++ = (int8_t)tp_ssat8((x + (x >> 31) + (int32_t)weights[1]) >> weights[2]);
            weights += 3;
        }
    }
}

#endif
