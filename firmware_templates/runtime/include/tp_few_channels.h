/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors
 *
 * Channel by channel over the pixels of a tp_few, in assembly as a whole, for its 14 registers: r0 is the pixel, r1 its output, r2
 * bytes to the next one's, r4 and those behind it the channel's weights and numbers; the others are the pixel's words, and r3 its
 * sum. */
#ifndef TP_FEW_CHANNELS_H
#define TP_FEW_CHANNELS_H

#include "tp_dsp.h"
#include "tp_few.h"
#include "tp_relu.h"

#define TP_FEW_OUTPUT(multiplier, offset)                 \
    "smmla r3, r3, " multiplier ", " offset "\n\t"        \
    TP_RELU_SATURATE("r3")                                \
    "strb.w r3, [r1]\n\t"                                 \
    "add.w r1, r1, r2\n\t"

/* On the stack: 0 the pixels' end, 4 where to enter the run, 8 weights, 12 the first pixel, 16 its output, 20 channels left. `begin`
 * runs for each channel and leaves r3 as it is, `end` compares r0 with where the channel's pixels end. */
#define TP_FEW_CHANNELS(pixel, pixel_code_bytes, pixel_bytes, numbers, begin, end) \
    "mov r7, #" pixel_code_bytes "\n\t"                                           \
    "rsb r6, r4, #0\n\t"                                                          \
    "and r6, r6, #7\n\t"                                                          \
    "mul r7, r7, r6\n\t"                                                          \
    "adr.w r6, 2f\n\t"                                                            \
    "add r7, r7, r6\n\t"                                                          \
    "orr r7, r7, #1\n\t"                                                          \
    "mov r6, #" pixel_bytes "\n\t"                                                \
    "mla r6, r4, r6, r2\n\t"                                                      \
    "push {r1-r3, r5}\n\t"                                                        \
    "push {r6, r7}\n\t"                                                           \
    "mov r2, r5\n\t"                                                              \
    "1:\n\t" /* a channel */                                                      \
    "ldr lr, [sp, #8]\n\t"                                                        \
    "ldr r0, [sp, #12]\n\t"                                                       \
    "ldr r1, [sp, #16]\n\t"                                                       \
    "ldr r3, [sp, #4]\n\t"                                                        \
    "ldm lr!, {" numbers "}\n\t"                                                  \
    "str lr, [sp, #8]\n\t"                                                        \
    "add lr, r1, #1\n\t"                                                          \
    "str lr, [sp, #16]\n\t"                                                       \
    begin                                                                         \
    "bx r3\n\t"                                                                   \
    ".balign 4\n\t"                                                               \
    "2:\n\t" /* a run of eight pixels */                                          \
    pixel pixel pixel pixel pixel pixel pixel pixel                               \
    end                                                                           \
    "bne.w 2b\n\t"                                                                \
    "ldr r3, [sp, #20]\n\t"                                                       \
    "subs r3, r3, #1\n\t"                                                         \
    "str r3, [sp, #20]\n\t"                                                       \
    "bne.w 1b\n\t"                                                                \
    "add sp, sp, #24\n\t"                                                         \
    "pop {r4-r11, pc}\n\t"

#endif
