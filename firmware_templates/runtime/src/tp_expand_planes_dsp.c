/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes.h"

#if TP_DSP

/* Pixels a and b become the words of four channels. */
#define TWO(a, b)                          \
    "pkhbt r9, " a ", " b ", lsl #16\n\t"  \
    "pkhtb r11, " b ", " a ", asr #16\n\t" \
    "sxtb16 r10, r9, ror #8\n\t"           \
    "sxtb16 r9, r9\n\t"                    \
    "sxtb16 lr, r11, ror #8\n\t"           \
    "sxtb16 r11, r11\n\t"                  \
    "stmia r2, {r9, r10, r11, lr}\n\t"     \
    "add r2, r2, r3\n\t"

/* r0 is the input, r1 the bytes to the next pixel, r2 where words go, r3 their step, r4 the pixels left, r5 to r8 pixels, r12
 * three steps, then padding. */
__attribute__((naked, noinline)) void tp_expand_planes_dsp(__attribute__((unused)) const tp_planes_pixels *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldr r1, [r0, #4]\n\t"
        "ldr r4, [r0, #8]\n\t"
        "ldr r2, [r0, #12]\n\t"
        "ldr r3, [r0, #16]\n\t"
        "ldr r6, [r0, #20]\n\t"
        "ldr r5, [r0, #24]\n\t"
        "ldr r0, [r0]\n\t"
        "push {r5}\n\t"
        "add r12, r1, r1, lsl #1\n\t"
        "cbz r6, 1f\n\t"
        "ldr r6, [r0]\n\t"
        "add r0, r0, r1\n\t"
        "sub r4, r4, #1\n\t"
        TWO("r5", "r6")
        "1:\n\t"
        "subs r4, r4, #4\n\t"
        "bmi 3f\n\t"
        "2:\n\t"
        "ldr r5, [r0]\n\t"
        "ldr r6, [r0, r1]\n\t"
        "ldr r7, [r0, r1, lsl #1]\n\t"
        "ldr r8, [r0, r12]\n\t"
        "add r0, r0, r1, lsl #2\n\t"
        TWO("r5", "r6")
        TWO("r7", "r8")
        "subs r4, r4, #4\n\t"
        "bpl 2b\n\t"
        "3:\n\t" /* none, one, two or three are left: r4 is that less 4 */
        "pop {r12}\n\t"
        "adds r4, r4, #2\n\t"
        "bmi 4f\n\t"
        "ldr r5, [r0]\n\t"
        "ldr r6, [r0, r1]\n\t"
        "add r0, r0, r1, lsl #1\n\t"
        TWO("r5", "r6")
        "sub r4, r4, #2\n\t"
        "4:\n\t"
        "adds r4, r4, #1\n\t"
        "bmi 5f\n\t"
        "ldr r5, [r0]\n\t"
        TWO("r5", "r12")
        "5:\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_expand_planes_dsp(const tp_planes_pixels *job)
{
    tp_expand_planes(job);
}

#endif
