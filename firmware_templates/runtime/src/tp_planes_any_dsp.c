/* SPDX-License-Identifier: Apache-2.0
 * Copyright The tinyprune authors */
#include "tp_dsp.h"
#include "tp_planes_any.h"

#if TP_DSP

/* Words (w0, w[-1]) and (w2, w1) of weights on two words: lr becomes (w0, w1). */
#define TAPS(word, next, weights, more)               \
    "ldr " more ", [r1, #4]!\n\t"                     \
    "ldr " next ", [r0, #16]!\n\t"                    \
    "pkhbt lr, " weights ", " more "\n\t"             \
    "smlad r8, " word ", lr, r8\n\t"                  \
    "smladx r9, " word ", " weights ", r9\n\t"        \
    "smlad r10, " next ", lr, r10\n\t"                \
    "smladx r11, " next ", " weights ", r11\n\t"
/* Two words of weights at a time; an odd number begins with the second. */
#define ROW                                           \
    "ldr r4, [r1]\n\t"                                \
    "ldr r6, [r0]\n\t"                                \
    "lsrs r2, r2, #1\n\t"                             \
    "bcc 7f\n\t"                                      \
    "mov r5, r4\n\t"                                  \
    "mov r7, r6\n\t"                                  \
    "add r2, r2, #1\n\t"                              \
    "b 8f\n\t"                                        \
    "7:\n\t"                                          \
    TAPS("r6", "r7", "r4", "r5")                      \
    "8:\n\t"                                          \
    TAPS("r7", "r6", "r5", "r4")                      \
    "subs r2, r2, #1\n\t"                             \
    "bne 7b\n\t"

__attribute__((naked, noinline)) void tp_planes_any_dsp(__attribute__((unused)) tp_planes_rows *job)
{
    TP_PLANES_ANY(ROW, "32");
}

#else

void tp_planes_any_dsp(tp_planes_rows *job)
{
    tp_planes_channels(job);
}

#endif
