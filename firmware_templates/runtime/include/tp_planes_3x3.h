/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * tp_planes_3x3_dsp and its like for stride 2, in assembly: two rows of two outputs at a time, with the weights in registers.
 *
 * r0 is the first word under the kernels of the four outputs, r1 to r6 are the weights (w0, w1) and (w2, w1) of each kernel row,
 * r10, r11, r12, lr the sums y00, y01, y10, y11. On the stack: 0 multiplier, rounding, shift, 12 bias, 16 the lower outputs, 20
 * bytes to the right ones, 24 bytes from the upper ones, 28 the end of x, 32 rows left, 36 the row's outputs, 40 its x, 44 job.
 * A last column computes its right neighbour too and stores it first, in its own place; a last row likewise. Stores with an index
 * stand behind loads, where they take one cycle. */
#ifndef TP_PLANES_3X3_H
#define TP_PLANES_3X3_H

#include "tp_planes.h"

#define TP_FOUR_SUMS(operation) operation("r10") operation("r11") operation("r12") operation("lr")
#define TP_ANY_MULTIPLY(y) "smmulr " y ", " y ", r7\n\t"
#define TP_ANY_SIGN(y) "add " y ", " y ", " y ", asr #31\n\t"
#define TP_ANY_ROUND(y) "add " y ", " y ", r8\n\t"
#define TP_FLOOR_MULTIPLY(y) "smmlar " y ", " y ", r7, r8\n\t"
#define TP_SHIFT(y) "asr " y ", " y ", r9\n\t"
#define TP_SATURATE(y) "ssat " y ", #8, " y "\n\t"
#define TP_ROUND_ANY \
    TP_FOUR_SUMS(TP_ANY_MULTIPLY) TP_FOUR_SUMS(TP_ANY_SIGN) TP_FOUR_SUMS(TP_ANY_ROUND) TP_FOUR_SUMS(TP_SHIFT) \
    TP_FOUR_SUMS(TP_SATURATE)
/* Where the output's zero point is -128: sums below 0 become -128 however they round. */
#define TP_ROUND_FLOOR TP_FOUR_SUMS(TP_FLOOR_MULTIPLY) TP_FOUR_SUMS(TP_SHIFT) TP_FOUR_SUMS(TP_SATURATE)

/* All channels, rows and columns; `sums`, from r0 on, with bytes from one tile to the next and from one pair of rows to the next. */
#define TP_PLANES_LOOPS(sums, round, tile_bytes, pair_bytes) \
    "1:\n\t" /* a channel */                          \
    "ldr r1, [r0, #4]\n\t"                            \
    "add r7, r1, #24\n\t"                             \
    "ldm r7!, {r8-r11}\n\t"                           \
    "str r7, [r0, #4]\n\t"                            \
    "str r10, [sp]\n\t"                                \
    "str r11, [sp, #4]\n\t"                           \
    "str r8, [sp, #8]\n\t"                           \
    "str r9, [sp, #12]\n\t"                           \
    "ldr r7, [r0]\n\t"                                \
    "ldr r8, [r0, #8]\n\t"                            \
    "ldr r9, [r0, #12]\n\t"                           \
    "ldr r10, [r0, #32]\n\t"                          \
    "ldm r1, {r1-r6}\n\t"                             \
    "add r10, r10, r7\n\t"                            \
    "add r11, r8, #1\n\t"                             \
    "str r10, [r0]\n\t"                               \
    "str r11, [r0, #8]\n\t"                           \
    "2:\n\t" /* two rows: r0 job, r7 x, r8 outputs, r9 rows left */ \
    "ldr r10, [r0, #24]\n\t"                          \
    "ldr r11, [r0, #20]\n\t"                          \
    "ldr r12, [r0, #16]\n\t"                          \
    "mov r0, r7\n\t"                                  \
    "str r10, [sp, #20]\n\t"                          \
    "subs r9, r9, #2\n\t"                             \
    "it mi\n\t"                                       \
    "movmi r11, #0\n\t"                               \
    "add r10, r8, r11\n\t"                            \
    "str r10, [sp, #16]\n\t"                          \
    "str r11, [sp, #24]\n\t"                          \
    "lsr r12, r12, #1\n\t"                            \
    "mov r10, #" tile_bytes "\n\t"                    \
    "mla r12, r12, r10, r7\n\t"                       \
    "str r12, [sp, #28]\n\t"                          \
    "add r8, r8, r11, lsl #1\n\t"                     \
    "add r7, r7, #" pair_bytes "\n\t"                 \
    "str r9, [sp, #32]\n\t"                           \
    "str r8, [sp, #36]\n\t"                           \
    "str r7, [sp, #40]\n\t"                           \
    "cmp r0, r12\n\t"                                 \
    "beq 4f\n\t"                                      \
    "3:\n\t" /* four outputs */                       \
    sums                                              \
    "ldm sp, {r7-r9}\n\t"                             \
    round                                             \
    "ldr r8, [sp, #20]\n\t"                           \
    "ldr r9, [sp, #16]\n\t"                           \
    "ldr r7, [sp, #24]\n\t"                           \
    "strb lr, [r9, r8]\n\t"                           \
    "strb r12, [r9]\n\t"                              \
    "sub r7, r9, r7\n\t"                              \
    "ldr r12, [sp, #28]\n\t"                          \
    "strb r11, [r7, r8]\n\t"                          \
    "strb r10, [r7]\n\t"                              \
    "add r9, r9, r8, lsl #1\n\t"                      \
    "str r9, [sp, #16]\n\t"                           \
    "add r0, r0, #" tile_bytes "\n\t"                 \
    "cmp r0, r12\n\t"                                 \
    "bne 3b\n\t"                                      \
    "4:\n\t"                                          \
    "ldr r7, [sp, #20]\n\t"                           \
    "ldr r8, [sp, #44]\n\t"                           \
    "cbz r7, 5f\n\t"                                  \
    "ldr r9, [r8, #16]\n\t"                           \
    "tst r9, #1\n\t"                                  \
    "beq 5f\n\t"                                      \
    "mov r7, #0\n\t"                                  \
    "add r9, r0, #" tile_bytes "\n\t"                 \
    "str r7, [sp, #20]\n\t"                           \
    "str r9, [sp, #28]\n\t"                           \
    "b 3b\n\t"                                        \
    "5:\n\t"                                          \
    "mov r0, r8\n\t"                                  \
    "ldr r9, [sp, #32]\n\t"                           \
    "ldr r8, [sp, #36]\n\t"                           \
    "ldr r7, [sp, #40]\n\t"                           \
    "cmp r9, #0\n\t"                                  \
    "bgt 2b\n\t"                                      \
    "ldr r7, [r0, #28]\n\t"                           \
    "subs r7, r7, #1\n\t"                             \
    "str r7, [r0, #28]\n\t"                           \
    "bne 1b\n\t"

#define TP_PLANES_3X3(sums, tile_bytes, pair_bytes)   \
    __asm__ volatile(                                 \
        "push {r4-r11, lr}\n\t"                       \
        "sub sp, sp, #48\n\t"                         \
        "str r0, [sp, #44]\n\t"                       \
        "ldr r1, [r0, #56]\n\t"                       \
        "cmp r1, #0\n\t"                              \
        "bne 6f\n\t"                                  \
        TP_PLANES_LOOPS(sums, TP_ROUND_ANY, tile_bytes, pair_bytes) \
        "add sp, sp, #48\n\t"                         \
        "pop {r4-r11, pc}\n\t"                        \
        "6:\n\t"                                      \
        TP_PLANES_LOOPS(sums, TP_ROUND_FLOOR, tile_bytes, pair_bytes) \
        "add sp, sp, #48\n\t"                         \
        "pop {r4-r11, pc}")

#endif
