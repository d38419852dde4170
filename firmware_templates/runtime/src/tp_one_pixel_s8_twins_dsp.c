/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Four output channels of a pixel at a time: 16 multiplications in 19 cycles. */
#include "tp_dsp.h"
#include "tp_twins.h"

#if TP_DSP

/* In assembly as a whole, for six loads back to back: r0 is the sum of channels 0 and 1 together, r1 of channel 0, r2 and r3
 * the same of channels 2 and 3; r4 and r5 are activations, r6 to r9 weights, r12 and lr pointers to them. */
#define GROUP(x, x_behind, w, w1, w2, w3)     \
    "ldr.w r4, [r12, #" x "]\n\t"             \
    "ldr.w r5, [r12, #" x_behind "]\n\t"      \
    "ldr.w r6, [lr, #" w "]\n\t"              \
    "ldr.w r7, [lr, #" w1 "]\n\t"             \
    "ldr.w r8, [lr, #" w2 "]\n\t"             \
    "ldr.w r9, [lr, #" w3 "]\n\t"             \
    "smlad r0, r4, r6, r0\n\t"                \
    "sxtb16 r6, r6\n\t"                       \
    "smlad r2, r4, r7, r2\n\t"                \
    "sxtb16 r7, r7\n\t"                       \
    "smlad r0, r5, r8, r0\n\t"                \
    "sxtb16 r8, r8\n\t"                       \
    "smlad r2, r5, r9, r2\n\t"                \
    "sxtb16 r9, r9\n\t"                       \
    "smlad r1, r4, r6, r1\n\t"                \
    "smlad r3, r4, r7, r3\n\t"                \
    "smlad r1, r5, r8, r1\n\t"                \
    "smlad r3, r5, r9, r3\n\t"
#define RUN                                                                                             \
    GROUP("0", "4", "0", "4", "8", "12") GROUP("8", "12", "16", "20", "24", "28")                       \
    GROUP("16", "20", "32", "36", "40", "44") GROUP("24", "28", "48", "52", "56", "60")                 \
    GROUP("32", "36", "64", "68", "72", "76") GROUP("40", "44", "80", "84", "88", "92")                 \
    GROUP("48", "52", "96", "100", "104", "108") GROUP("56", "60", "112", "116", "120", "124")
#define OUTPUT(sum, multiplier, rounding, shift)            \
    "smmlar r10, " sum ", " multiplier ", " rounding "\n\t" \
    "add.w " sum ", r10, " sum ", asr #31\n\t"              \
    "asr.w " sum ", " sum ", " shift "\n\t"                 \
    "ssat " sum ", #8, " sum "\n\t"

/* On the stack: 0 output, 4 unused, 8 unused, 12 fours left, 16 where the activations of the first run would begin, 20 the bytes
 * of weights that are skipped, 24 where to enter it. r11 is where activations end. */
__attribute__((naked, noinline)) void tp_one_pixel_s8_twins_dsp(__attribute__((unused)) const tp_twins *job)
{
    __asm__ volatile(
        "push {r4-r11, lr}\n\t"
        "ldm r0, {r1-r7}\n\t" /* weights, expanded, groups, output, to, channel_step, fours */
        "mov lr, r1\n\t"
        "rsb r8, r3, #0\n\t"
        "and r8, r8, #15\n\t"
        "lsl r9, r8, #3\n\t"
        "add r11, r2, r3, lsl #2\n\t"
        "sub r2, r2, r8, lsl #2\n\t"
        "add r8, r8, r8, lsl #3\n\t" /* 36 bytes of code a group of two taps */
        "adr.w r10, 2f\n\t"
        "add r10, r10, r8, lsl #2\n\t"
        "orr r10, r10, #1\n\t"
        "mov r8, r2\n\t"
        "push {r4-r10}\n\t"
        "b.w 4f\n\t"
        ".balign 4\n\t"
        "2:\n\t"
        RUN
        "add.w r12, r12, #64\n\t"
        "add.w lr, lr, #128\n\t"
        "cmp r12, r11\n\t"
        "bne.w 2b\n\t"
        "ldm lr!, {r4-r9}\n\t"
        "sub.w r0, r0, r1\n\t"
        "sub.w r2, r2, r3\n\t"
        "lsl.w r1, r1, #1\n\t"
        "asr.w r0, r0, #7\n\t"
        OUTPUT("r1", "r4", "r5", "r6")
        OUTPUT("r0", "r7", "r8", "r9")
        "ldm lr!, {r4-r9}\n\t"
        "lsl.w r3, r3, #1\n\t"
        "asr.w r2, r2, #7\n\t"
        OUTPUT("r3", "r4", "r5", "r6")
        OUTPUT("r2", "r7", "r8", "r9")
        "ldr.w r4, [sp]\n\t"
        "ldr.w r5, [sp, #12]\n\t"
        "strb.w r1, [r4]\n\t"
        "strb.w r0, [r4, #1]\n\t"
        "strb.w r3, [r4, #2]\n\t"
        "strb.w r2, [r4, #3]\n\t"
        "add.w r4, r4, #4\n\t"
        "subs.w r5, r5, #1\n\t"
        "str.w r4, [sp]\n\t"
        "str.w r5, [sp, #12]\n\t"
        "beq.w 5f\n\t"
        "4:\n\t" /* the next four channels */
        "ldr.w r12, [sp, #16]\n\t"
        "ldr.w r8, [sp, #20]\n\t"
        "ldr.w r9, [sp, #24]\n\t"
        "ldm lr!, {r0-r3}\n\t"
        "sub.w lr, lr, r8\n\t"
        "bx r9\n\t"
        "5:\n\t"
        "add sp, sp, #28\n\t"
        "pop {r4-r11, pc}");
}

#else

void tp_one_pixel_s8_twins_dsp(const tp_twins *job)
{
    tp_twins_pixels(job, 1);
}

#endif
