/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * tp_planes_any_dsp and its like for stride 2, in assembly: four outputs of a row at a time.
 *
 * r0 is a word of the band, r1 weights, r2 counts pairs of taps, r3 kernel rows, r12 is the first word of the next kernel row, r8 to
 * r11 are the sums. On the stack: 0 multiplier, rounding, shift, 12 bias, 16 outputs, 20 bytes to the next one, 24 how many are
 * left, 28 x, 32 weights, 36 pairs, 40 kernel rows, 44 slot_step, 48 rows left, 52 the row's outputs, 56 its x, 60 job. */
#ifndef TP_PLANES_ANY_H
#define TP_PLANES_ANY_H

#include "tp_planes.h"

#define TP_PLANES_ROUND(y)                            \
    "smmulr " y ", " y ", r4\n\t"                     \
    "add " y ", " y ", " y ", asr #31\n\t"            \
    "add " y ", " y ", r5\n\t"                        \
    "asr " y ", " y ", r6\n\t"                        \
    "ssat " y ", #8, " y "\n\t"

/* `row`: the pairs of a kernel row, from r0 on, and r12 moved on by slot_step. */
#define TP_PLANES_ANY(row, tile_bytes)                \
    __asm__ volatile(                                 \
        "push {r4-r11, lr}\n\t"                       \
        "sub sp, sp, #64\n\t"                         \
        "str r0, [sp, #60]\n\t"                       \
        "ldr r1, [r0, #36]\n\t"                       \
        "ldr r2, [r0, #40]\n\t"                       \
        "ldr r3, [r0, #44]\n\t"                       \
        "str r2, [sp, #36]\n\t"                       \
        "str r1, [sp, #40]\n\t"                       \
        "str r3, [sp, #44]\n\t"                       \
        "1:\n\t" /* a channel */                      \
        "ldr r1, [r0, #4]\n\t"                        \
        "ldr r7, [r0, #52]\n\t"                       \
        "str r1, [sp, #32]\n\t"                       \
        "add r7, r7, r1\n\t"                          \
        "ldm r7!, {r8-r11}\n\t"                       \
        "str r7, [r0, #4]\n\t"                        \
        "str r10, [sp]\n\t"                            \
        "str r11, [sp, #4]\n\t"                       \
        "str r8, [sp, #8]\n\t"                       \
        "str r9, [sp, #12]\n\t"                       \
        "ldr r7, [r0]\n\t"                            \
        "ldr r8, [r0, #8]\n\t"                        \
        "ldr r9, [r0, #12]\n\t"                       \
        "ldr r10, [r0, #32]\n\t"                      \
        "add r10, r10, r7\n\t"                        \
        "add r11, r8, #1\n\t"                         \
        "str r10, [r0]\n\t"                           \
        "str r11, [r0, #8]\n\t"                       \
        "2:\n\t" /* a row: r0 job, r7 x, r8 outputs, r9 rows left */ \
        "ldr r1, [r0, #16]\n\t"                       \
        "ldr r2, [r0, #20]\n\t"                       \
        "ldr r3, [r0, #24]\n\t"                       \
        "ldr r4, [r0, #48]\n\t"                       \
        "str r8, [sp, #16]\n\t"                       \
        "str r3, [sp, #20]\n\t"                       \
        "str r1, [sp, #24]\n\t"                       \
        "str r7, [sp, #28]\n\t"                       \
        "add r8, r8, r2\n\t"                          \
        "add r4, r4, r7\n\t"                          \
        "str r9, [sp, #48]\n\t"                       \
        "str r8, [sp, #52]\n\t"                       \
        "str r4, [sp, #56]\n\t"                       \
        "mov r12, r7\n\t"                             \
        "3:\n\t" /* four outputs from r12 on */       \
        "ldr r8, [sp, #12]\n\t"                       \
        "ldr r1, [sp, #32]\n\t"                       \
        "ldr r3, [sp, #40]\n\t"                       \
        "mov r9, r8\n\t"                              \
        "mov r10, r8\n\t"                             \
        "mov r11, r8\n\t"                             \
        "4:\n\t" /* a kernel row */                   \
        "ldr r2, [sp, #36]\n\t"                       \
        "ldr lr, [sp, #44]\n\t"                       \
        "mov r0, r12\n\t"                             \
        "add r12, r12, lr\n\t"                        \
        row                                           \
        "subs r3, r3, #1\n\t"                         \
        "bne 4b\n\t"                                  \
        "ldm sp, {r4-r6}\n\t"                         \
        TP_PLANES_ROUND("r8")                         \
        TP_PLANES_ROUND("r9")                         \
        TP_PLANES_ROUND("r10")                        \
        TP_PLANES_ROUND("r11")                        \
        "ldr r4, [sp, #16]\n\t"                       \
        "ldr r5, [sp, #20]\n\t"                       \
        "ldr r6, [sp, #24]\n\t"                       \
        "ldr r12, [sp, #28]\n\t"                      \
        "strb r8, [r4]\n\t"                           \
        "subs r6, r6, #4\n\t"                         \
        "bmi 5f\n\t"                                  \
        "strb r9, [r4, r5]\n\t"                       \
        "add r4, r4, r5, lsl #1\n\t"                  \
        "strb r10, [r4]\n\t"                          \
        "strb r11, [r4, r5]\n\t"                      \
        "add r4, r4, r5, lsl #1\n\t"                  \
        "add r12, r12, #" tile_bytes "\n\t"           \
        "str r4, [sp, #16]\n\t"                       \
        "str r6, [sp, #24]\n\t"                       \
        "str r12, [sp, #28]\n\t"                      \
        "bne 3b\n\t"                                  \
        "b 6f\n\t"                                    \
        "5:\n\t" /* one, two or three: r6 is that less 4 */ \
        "adds r6, r6, #2\n\t"                         \
        "bmi 6f\n\t"                                  \
        "strb r9, [r4, r5]\n\t"                       \
        "beq 6f\n\t"                                  \
        "add r4, r4, r5, lsl #1\n\t"                  \
        "strb r10, [r4]\n\t"                          \
        "6:\n\t"                                      \
        "ldr r0, [sp, #60]\n\t"                       \
        "ldr r9, [sp, #48]\n\t"                       \
        "ldr r8, [sp, #52]\n\t"                       \
        "ldr r7, [sp, #56]\n\t"                       \
        "subs r9, r9, #1\n\t"                         \
        "bne 2b\n\t"                                  \
        "ldr r7, [r0, #28]\n\t"                       \
        "subs r7, r7, #1\n\t"                         \
        "str r7, [r0, #28]\n\t"                       \
        "bne 1b\n\t"                                  \
        "add sp, sp, #64\n\t"                         \
        "pop {r4-r11, pc}")

#endif
