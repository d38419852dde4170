/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_kernels_dsp.h"

#if TP_DSP

/* In assembly as a whole: 16 multiplications in 27 cycles, for which six loads stand back to back. r0 to r3 are sums, r4 and
 * r5 activations (x0, x2) and (x1, x3), r6 to r9 the weights of four channels. */
#define MULTIPLY(sum, w)                       \
    "sxtb16 r10, " w "\n\t"                    \
    "sxtb16 " w ", " w ", ror #8\n\t"          \
    "smlad " sum ", r4, r10, " sum "\n\t"      \
    "smlad " sum ", r5, " w ", " sum "\n\t"

__attribute__((naked, noinline)) void tp_dot_quads_dsp(__attribute__((unused)) tp_quad *job)
{
    __asm__ volatile(
        "push {r0, r4-r11, lr}\n\t"
        "ldr lr, [r0]\n\t"
        "ldr r11, [r0, #4]\n\t"
        "ldr r12, [r0, #8]\n\t"
        "add r0, r0, #12\n\t"
        "ldm r0, {r0-r3}\n\t"
        "1:\n\t"
        "ldr r5, [lr, #4]\n\t"
        "ldr r4, [lr], #8\n\t"
        "ldr r6, [r12], #4\n\t"
        "ldr r7, [r12], #4\n\t"
        "ldr r8, [r12], #4\n\t"
        "ldr r9, [r12], #4\n\t"
        MULTIPLY("r0", "r6")
        MULTIPLY("r1", "r7")
        MULTIPLY("r2", "r8")
        MULTIPLY("r3", "r9")
        "cmp lr, r11\n\t"
        "bne 1b\n\t"
        "pop {r4}\n\t"
        "str r12, [r4, #8]\n\t"
        "add r4, r4, #12\n\t"
        "stm r4, {r0-r3}\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_dot_quads_dsp(tp_quad *job)
{
    for (const uint32_t *x = job->x; x != job->x_end; x += 2) {
        for (int32_t i = 0; i < TP_QUAD; i++) {
            const uint32_t w = *job->weights++;
            job->sums[i] = tp_smlad(x[1], tp_sxtb16_ror8(w), tp_smlad(x[0], tp_sxtb16(w), job->sums[i]));
        }
    }
}

#endif
